// The bar of a part of the work, which ends with it.

import type { Progress } from 'pgstrata-example-kit'

export async function withBar<T>(bar: Progress, work: (bar: Progress) => Promise<T>): Promise<T> {
  try {
    return await work(bar)
  } finally {
    bar.finish()
  }
}
