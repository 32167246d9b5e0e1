// A pool and the query API on it, gone after the test.

import { onTestFinished } from 'vitest'
import { createQueryApi, type QueryApi, type QueryTools } from '../../../src/db/query/index.ts'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'

export interface Opened {
  readonly pool: StrataPool
  readonly api: QueryApi
}

export function openApi(config: StrataPoolConfig, tools: QueryTools = {}): Opened {
  const pool = new StrataPool(config)
  onTestFinished(() => pool.end())
  return { pool, api: createQueryApi(pool, tools) }
}

/** What a promise rejects with. */
export async function failureOf(work: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await work
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  throw new Error('It did not fail')
}
