// What the tests of StrataPool share: where a statement ran, what a node did, errors as values.

import type { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { waitUntil } from '../../support/wait.ts'

/** current_setting() in the open would make it a statement of a particular session, and so no read. */
export const makeFunctions = `
  create function my_port() returns int4 language sql stable as $$ select current_setting('port')::int4 $$;
  create function my_memory() returns text language sql stable as $$ select current_setting('work_mem') $$`

/** For the pools: these two only read. */
export const readFunctions = ['my_port', 'my_memory'] as const

/** Reads, and says on the way which server it ran on. Needs makeFunctions. */
export const wherePort = 'select my_port() as port'

export async function portOf(
  pool: Pick<StrataPool, 'query'>,
  config: { readonly route?: string } = {},
): Promise<number | undefined> {
  const { rows } = await pool.query<{ port: number }>({ text: wherePort, ...config })
  return rows[0]?.port
}

export function usesOf(pool: StrataPool, name: string): number {
  return pool.stats().find(({ node }) => node === name)?.uses ?? 0
}

export function stateOf(pool: StrataPool, name: string): string | undefined {
  return pool.nodes().find(({ node }) => node === name)?.state
}

export async function untilUp(pool: StrataPool, name: string): Promise<void> {
  await waitUntil(() => stateOf(pool, name) === 'up', { what: `${name} to be up` })
}

/** The error, as it was thrown or rejected with; undefined where there was none. */
export async function errorOf(work: () => unknown): Promise<(Error & { readonly code?: string }) | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return error as Error
  }
}

/** The parser is loaded by then, and the functions of the catalog are known: reads are told from writes. */
export async function untilReading(pool: StrataPool, text: string): Promise<void> {
  await pool.start()
  await waitUntil(() => pool.explainRouting(text).route === 'read', { what: `${text} to be known as a read` })
}
