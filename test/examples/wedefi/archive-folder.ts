// Where tests archive: never in the app's own folder, which is that of whoever runs the app from this checkout.

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ArchiveFolders {
  readonly to: string
  readonly work: string
  readonly cache: { readonly dir: string }
}

export function archiveIn(base: string): ArchiveFolders {
  return { to: join(base, 'cold'), work: join(base, 'work'), cache: { dir: join(base, 'cache') } }
}

/** Of this process; it is there once something is archived. */
const ownBase = join(tmpdir(), `pgstrata-test-wedefi-${randomUUID()}`)

export const testArchive: ArchiveFolders = archiveIn(ownBase)

/** Behind the tests of a file. */
export async function removeTestArchive(): Promise<void> {
  await rm(ownBase, { recursive: true, force: true })
}
