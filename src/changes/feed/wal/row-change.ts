// A message about a row as a Change. Pure.
//
// What tells a row is its primary key, or the index its table names as replica identity; of a table whose identity is the
// whole row, the primary key if it has one, else all columns. A key that was not sent because it is large and did not
// change is taken from the old one, which the server sends then.

import type { Change } from '../change.ts'
import type { FeedTable } from './captured-tables.ts'
import { unchanged, type OldTuple, type PgoutputMessage, type Relation, type WireValue } from './messages.ts'

type Values = Readonly<Record<string, string | null>>

/** Columns of the primary key of a table whose identity is the whole row; undefined: it has none. */
export type PrimaryKeyOf = (schema: string, table: string) => readonly string[] | undefined

export type RowMessage = Extract<PgoutputMessage, { type: 'insert' | 'update' | 'delete' }>

export function changeOf(message: RowMessage, relation: Relation, primaryKeyOf: PrimaryKeyOf): Change {
  const { schema, table } = relation
  const key = keyColumns(relation, primaryKeyOf)
  switch (message.type) {
    case 'insert':
      return {
        schema,
        table,
        kind: 'insert',
        key: pick(relation, key, message.row, undefined),
        keyBefore: undefined,
        ...rowOf(relation, message.row, undefined),
      }
    case 'update': {
      const after = pick(relation, key, message.row, message.before)
      const before = message.before === undefined ? undefined : pick(relation, key, message.before.values, undefined)
      return {
        schema,
        table,
        kind: 'update',
        key: after,
        keyBefore: before === undefined || after === undefined || isSame(before, after) ? undefined : before,
        ...rowOf(relation, message.row, message.before),
      }
    }
    case 'delete':
      return {
        schema,
        table,
        kind: 'delete',
        key: pick(relation, key, message.before.values, undefined),
        keyBefore: undefined,
        row: undefined,
        unchanged: [],
      }
  }
}

export function truncationOf({ schema, table }: FeedTable): Change {
  return { schema, table, kind: 'truncate', key: undefined, keyBefore: undefined, row: undefined, unchanged: [] }
}

/** Their places in the relation. */
function keyColumns(relation: Relation, primaryKeyOf: PrimaryKeyOf): readonly number[] {
  const flagged = relation.columns.flatMap(({ identifies }, index) => (identifies ? [index] : []))
  if (relation.identity !== 'f') return flagged
  const names = primaryKeyOf(relation.schema, relation.table)
  if (names === undefined) return flagged
  const places = names.map((name) => relation.columns.findIndex((column) => column.name === name))
  // Renamed since: the whole row tells it too.
  return places.includes(-1) ? flagged : places
}

function pick(
  relation: Relation,
  places: readonly number[],
  values: readonly WireValue[],
  before: OldTuple | undefined,
): Values | undefined {
  if (places.length === 0) return undefined
  return record(
    places.flatMap((place) => {
      const name = relation.columns[place]?.name
      const value = sent(values[place], before?.values[place])
      return name === undefined || value === unchanged ? [] : [[name, value] as const]
    }),
  )
}

function rowOf(
  relation: Relation,
  values: readonly WireValue[],
  before: OldTuple | undefined,
): { readonly row: Values; readonly unchanged: readonly string[] } {
  const known: (readonly [string, string | null])[] = []
  const missing: string[] = []
  relation.columns.forEach(({ name, identifies, isBeside }, place) => {
    if (isBeside === true) return
    // A tuple that holds the key alone says null of every other column.
    const old = before?.part === 'row' || identifies ? before?.values[place] : unchanged
    const value = sent(values[place], old)
    if (value === unchanged) missing.push(name)
    else known.push([name, value])
  })
  return { row: record(known), unchanged: missing }
}

function sent(value: WireValue | undefined, before: WireValue | undefined): WireValue {
  const known = value === unchanged ? before : value
  return known === undefined ? unchanged : known
}

/** Without a prototype: a column may be called __proto__. */
function record(entries: readonly (readonly [string, string | null])[]): Values {
  const made = Object.create(null) as Record<string, string | null>
  for (const [name, value] of entries) made[name] = value
  return made
}

function isSame(left: Values, right: Values): boolean {
  return Object.keys(left).every((name) => left[name] === right[name])
}
