// Which expressions may stand in an index at all: only what gives the same for the same values for ever. Looked up by the names of
// functions and the types of the columns; what is not certain is left out.

import type { Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Key, TableWants } from './wants.ts'

/** Casts between these, and of them, depend on no setting; those of dates and times do. */
const steadyTypes: ReadonlySet<string> = new Set(
  'bool int2 int4 int8 numeric float4 float8 text varchar bpchar uuid jsonb integer bigint smallint boolean date'.split(
    ' ',
  ),
)
const zoned: ReadonlySet<string> = new Set(['timestamptz', 'timetz', 'interval'])

export async function findImmutable(
  session: Session,
  wants: readonly TableWants[],
): Promise<(of: TableWants, key: Key) => boolean> {
  const keys = wants.flatMap((of) => [
    ...[...of.wants, ...of.either.flat(2)].map(({ key }) => ({ of, key })),
    ...of.order.map(({ key }) => ({ of, key })),
  ])
  const names = [...new Set(keys.flatMap(({ key }) => key.calls.map((call) => call.split('.').at(-1) ?? '')))]
  const known = new Map<string, readonly FunctionRow[]>()
  if (names.length > 0) {
    const { rows } = await session.query<FunctionRow>(sql`
      select p.proname::text as name, p.provolatile = 'i' as "isImmutable",
        array(select t.typname::text from unnest(p.proargtypes) as a (oid) join pg_type t on t.oid = a.oid) as types
      from pg_proc p
      where p.proname = any (${names})
      limit 1000`)
    for (const row of rows) known.set(row.name, [...(known.get(row.name) ?? []), row])
  }
  return (of, key) => isImmutable(of, key, known)
}

interface FunctionRow {
  readonly name: string
  readonly isImmutable: boolean
  readonly types: readonly string[]
}

function isImmutable(
  of: TableWants,
  { column, columns, calls, casts }: Key,
  known: ReadonlyMap<string, readonly FunctionRow[]>,
): boolean {
  if (column !== undefined) return true
  const types = columns.map((name) => of.table.columns.find((one) => one.name === name)?.type ?? '')
  if (casts.length > 0 && (types.some((type) => zoned.has(type)) || !casts.every((cast) => steadyTypes.has(cast))))
    return false
  if (casts.includes('date') && !types.every((type) => type === 'timestamp' || type === 'date')) return false
  return calls.every((call) => {
    const overloads = known.get(call.split('.').at(-1) ?? '') ?? []
    const fitting = overloads.filter((one) => one.types.some((type) => types.includes(type)))
    const possible = fitting.length > 0 ? fitting : overloads
    return possible.length > 0 && possible.every((one) => one.isImmutable)
  })
}
