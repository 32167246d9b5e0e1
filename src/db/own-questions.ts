// The library's own questions through a pool of the application: marked, so that whoever observes it does not count them as the
// application's, and on the primary, whose statistics they are about.
// Bounds: one statement is waited for 30 s; what is asked on one connection stands under limits of the server.

import type pg from 'pg'
import { asOwn } from './pool/observer.ts'
import type { Db, Queryable, Result } from './db.ts'
import { sql, type Sql } from '../sql/sql.ts'

const longestMs = 30_000

/** Any pool of pg, a StrataPool among them. */
export type AnyPool = pg.Pool

export type Ask = <Row extends object>(statement: Sql) => Promise<readonly Row[]>

export function asker(pool: pg.Pool): Ask {
  return async <Row extends object>({ text, values }: Sql): Promise<readonly Row[]> => {
    const config = { text, values: [...values], route: 'write', query_timeout: longestMs }
    const { rows } = await pool.query(asOwn<pg.QueryConfig>(config))
    return rows as Row[]
  }
}

/** The same for whoever takes a Queryable. */
export function queryableOf(pool: pg.Pool): Queryable {
  const ask = asker(pool)
  return {
    query: async <Row extends object>(statement: Sql): Promise<Result<Row>> => {
      const rows = await ask<Row>(statement)
      return { rows, rowCount: rows.length }
    },
  }
}

const asText: pg.CustomTypesConfig = {
  getTypeParser: (() => (value: string) => value) as pg.CustomTypesConfig['getTypeParser'],
}

export interface OnClient {
  /** The rows; a text without values may hold several statements, and the rows are those of the last. Everything comes as its text. */
  query(statement: Sql): Promise<readonly Readonly<Record<string, string>>[]>
  /** A pooler answered as it connected: which session of the server it has may change between two transactions. */
  isPooled(): Promise<boolean>
}

/** On one connection; after a failure of `work` it is closed, for nobody knows what was left on it. */
export async function onOneClient<T>(pool: pg.Pool, work: (on: OnClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let failure: unknown = true
  const query: OnClient['query'] = async ({ text, values }) => {
    const given = values.length === 0 ? {} : { values: [...values] }
    const answer = await client.query(asOwn<pg.QueryConfig>({ text, ...given, types: asText }))
    const last = (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryResult
    return last.rows as Record<string, string>[]
  }
  try {
    const isPooled = async (): Promise<boolean> => {
      await query(sql`begin`)
      const pid = await readPid(query)
      const { processID: told } = client as unknown as { readonly processID: number | null }
      await query(sql`rollback`)
      return pid !== told
    }
    const answer = await work({ query, isPooled })
    failure = undefined
    return answer
  } finally {
    client.release(failure === undefined ? undefined : true)
  }
}

/** The same on a session of a Db. */
export async function onOneSession<T>(db: Db, work: (on: OnClient) => Promise<T>): Promise<T> {
  return await db.withSession(async (session) => {
    const query: OnClient['query'] = async (statement) => (await session.query<Record<string, string>>(statement)).rows
    return await work({ query, isPooled: async () => (await readPid(query)) !== session.pid })
  })
}

async function readPid(query: OnClient['query']): Promise<number> {
  const [row] = await query(sql`select pg_backend_pid()::text as pid`)
  return Number(row?.['pid'])
}
