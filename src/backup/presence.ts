// Whether something is at a path, and this process can get to it.

import { access } from 'node:fs/promises'

export async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
