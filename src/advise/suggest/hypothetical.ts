// hypopg: indexes that are not there, for the planner alone. Invariant: whatever is made here is dropped again, for it belongs to
// the connection, which goes back to a pool. It knows no GIN and no GiST: their size cannot be foreseen.

import type { Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { printIndexBody, type Candidate } from './candidate.ts'

export interface Hypothetical {
  readonly name: string
  readonly sizeBytes: number
}

export const foreseeable: ReadonlySet<Candidate['method']> = new Set(['btree', 'brin'])

/** The schema that hypopg stands in; undefined: it is not installed here. */
export async function findHypopg(session: Session): Promise<string | undefined> {
  const { rows } = await session.query<{ schema: string }>(sql`
    select n.nspname::text as schema
    from pg_extension e
    join pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'hypopg'`)
  return rows[0]?.schema
}

/** Undefined: the server would not make one of them. */
export async function withHypothetical<T>(
  session: Session,
  { schema, candidates }: { readonly schema: string; readonly candidates: readonly Candidate[] },
  work: (made: readonly Hypothetical[]) => Promise<T>,
): Promise<T | undefined> {
  const call = (name: string): ReturnType<typeof sql.ident> => sql.ident(schema, name)
  await session.query(sql`savepoint hypothetical`)
  const made: { oid: string; name: string; sizeBytes: number }[] = []
  try {
    for (const candidate of candidates) {
      const { rows } = await session.query<{ oid: string; name: string; sizeBytes: number }>(sql`
        select made.indexrelid::text as oid, made.indexname as name,
          ${call('hypopg_relation_size')}(made.indexrelid)::float8 as "sizeBytes"
        from ${call('hypopg_create_index')}(${`create index on ${printIndexBody(candidate)}`}) as made`)
      made.push(...rows)
    }
    return await work(made)
  } catch {
    await session.query(sql`rollback to savepoint hypothetical`)
    return undefined
  } finally {
    for (const { oid } of made) {
      await session.query(sql`select ${call('hypopg_drop_index')}(${oid}::oid)`)
    }
    await session.query(sql`release savepoint hypothetical`)
  }
}
