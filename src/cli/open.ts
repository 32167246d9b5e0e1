// Loads the configuration and opens a Strata for the length of one command.

import { loadConfig } from '../config/index.ts'
import { openStrata, type Strata } from '../strata.ts'
import type { CliContext, GlobalOptions } from './context.ts'

export async function withStrata<T>(
  context: CliContext,
  options: GlobalOptions,
  work: (strata: Strata) => Promise<T>,
): Promise<T> {
  const { config } = await loadConfig({ cwd: context.cwd, file: options.config })
  const strata = openStrata(config)
  try {
    return await work(strata)
  } finally {
    await strata.close()
  }
}
