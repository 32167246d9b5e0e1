// Filling a rollup, with a bar that shows how far it is.

import type { Rollups } from '../rollups/index.ts'
import type { CliContext } from './context.ts'
import { createProgress } from './output.ts'

export async function fillShown(context: CliContext, rollups: Rollups, name: string): Promise<void> {
  const progress = createProgress(context)
  try {
    await rollups.fill(name, {
      signal: context.signal,
      onProgress: ({ share }) => progress.show({ label: name, done: Math.round(share * 100), total: 100, unit: '%' }),
    })
  } finally {
    progress.clear()
  }
}
