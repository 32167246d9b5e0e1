// Primary key, unique constraints and unique indexes. A unique key of a partitioned table must hold what its rows are
// divided by (PostgreSQL 18, 5.12.2.3). One that does not is widened by those columns, with consent: what was unique
// alone then is unique only together with them, and `on conflict` on the narrower key is refused by the server.
//
// `relabel`: an index that the parent has and the old table has not would be built at ATTACH, under the lock. So the
// old table gets each wider key before (`needs`), and its narrower one goes in the swap.

import type { Consent } from '../../options.ts'
import { bare, type Bound } from './context.ts'
import { cutIndexDefinition, renderIndexDefinition } from './index-definition.ts'
import { describeUse, type ConflictUse } from './on-conflict.ts'
import { isPlainKey, type BoundIndex } from './index-rows.ts'
import { renderIndexParts, renames } from './index-parts.ts'
import { carried, refused, withConsent, type BoundItem, type NeededKey } from './item.ts'
import { renderOptions } from '../../../catalog/dump/storage.ts'

/**
 * The columns that have to be added; empty: the key holds all of them. Under another collation than the column's own it
 * does not: two values that it holds to be the same could lie in two partitions.
 */
export function missingColumns(bound: Bound, index: BoundIndex): readonly string[] {
  return bound.partitionColumns.filter((column) => !index.plainKeys.includes(column))
}

export interface KeyContext {
  readonly uses: readonly ConflictUse[] | undefined
  /** Made in `prepare`, even where the other indexes wait: what changes are found by. */
  readonly first: BoundIndex | undefined
}

/** What `copy` finds rows by: the primary key, or else the shortest key without nulls. As read-table.ts chooses. */
export function firstKey(bound: Bound, indexes: readonly BoundIndex[]): BoundIndex | undefined {
  const notNull = new Set(bound.columns.filter((column) => column.notNull).map((column) => column.name))
  const isFit = (index: BoundIndex): boolean =>
    isPlainKey(index) && !index.deferrable && index.keys.every((key) => key !== null && notNull.has(key))
  return indexes
    .filter(isFit)
    .toSorted(
      (left, right) =>
        Number(right.primary) - Number(left.primary) || left.keys.length - right.keys.length || left.oid - right.oid,
    )[0]
}

export function renderKey(bound: Bound, index: BoundIndex, context: KeyContext): BoundItem {
  const kind = index.primary ? 'primary key' : index.contype === 'u' ? 'unique constraint' : 'unique index'
  const told = { kind, name: index.name }
  const missing = missingColumns(bound, index)
  if (missing.length === 0) {
    if (index.period && bound.subject.method === 'relabel') return refuseTemporal(told)
    return carried({ ...told, how: 'It is there again, under its name.' }, makeKey(bound, index, { missing, context }))
  }
  const columns = missing.join(', ')
  if (!isPlainKey(index) || index.period) {
    const what = index.period ? 'a temporal key' : index.partial ? 'partial' : 'over an expression'
    return withConsent(
      bound.subject.accept,
      {
        ...told,
        consent: 'drop-unique',
        how: `It is ${what} and does not hold ${columns}: no partitioned table can have it.`,
        wayOut: `Accept drop-unique: the new table does not have it. Declared under \`indexes\`, each partition has it by itself.`,
      },
      carried(
        { ...told, how: 'The new table does not have it: nothing keeps its values unique any more.' },
        { statements: dropOld(bound, index) },
      ),
    )
  }
  const how = [
    `It gains ${columns}: the values of (${index.keys.join(', ')}) alone are no longer kept unique.`,
    describeUse(context.uses, index),
  ].join('')
  const consent: Consent = 'wider-keys'
  return withConsent(
    bound.subject.accept,
    {
      ...told,
      consent,
      how,
      wayOut: `Accept wider-keys, and write \`on conflict (${[...index.keys, ...missing].join(', ')})\` where it is named.`,
    },
    carried({ ...told, how }, makeKey(bound, index, { missing, context })),
  )
}

export function refuseTemporal(told: { kind: string; name: string }): BoundItem {
  return refused(
    {
      ...told,
      how: 'ATTACH cannot take over an index that excludes: it would build another one under the lock.',
    },
    'Convert by copy, or drop it first.',
  )
}

/** Out of the way of the new one. Only `relabel` keeps the old table in use. */
function dropOld(bound: Bound, index: BoundIndex): BoundItem['statements'] {
  if (bound.subject.method !== 'relabel') return {}
  return { release: [dropFrom(bound, index)] }
}

function dropFrom(bound: Bound, index: BoundIndex): string {
  return index.contype === null
    ? `drop index ${schemaOf(bound)}.${index.name}`
    : `alter table ${bound.self} drop constraint ${index.name}`
}

function schemaOf(bound: Bound): string {
  return bound.row.schema
}

function makeKey(
  bound: Bound,
  index: BoundIndex,
  { missing, context }: { missing: readonly string[]; context: KeyContext },
): Pick<BoundItem, 'statements' | 'needs' | 'notNull'> {
  const own = bound.ownName('key', index.plainName)
  const widened = missing.length > 0
  const early = bound.subject.method !== 'copy' || context.first?.oid === index.oid
  const definition = index.contype === null ? definitionOf(bound, index, missing) : constraintOf(index, missing)
  const make =
    index.contype !== null
      ? [`alter table ${bound.incoming} drop constraint if exists ${own}, add constraint ${own} ${definition}`]
      : [
          // A second time it is made behind the others again: see inOrderOfAttach.
          ...(bound.subject.method === 'copy' ? [] : [`drop index if exists ${schemaOf(bound)}.${own}`]),
          `create unique index if not exists ${own} on ${bound.incoming} ${definition}`,
        ]
  const parts = renderIndexParts(bound, index)
  const replaced = widened && bound.subject.method === 'relabel'
  const needed = replaced ? needOf(bound, index, missing) : undefined
  return {
    statements: {
      [early ? 'prepare' : 'filled']: make,
      ...(needed === undefined ? {} : { release: [dropFrom(bound, index), takeOver(bound, index, needed)] }),
      adopt: [...renames(bound, index, { own, oldIsGone: replaced }), ...parts],
    },
    ...(needed === undefined ? {} : { needs: [needed] }),
  }
}

function definitionOf(bound: Bound, index: BoundIndex, missing: readonly string[]): string {
  const cut = cutIndexDefinition(index.using)
  const list = (columns: readonly string[]): string => (columns.length === 0 ? '' : ` INCLUDE (${columns.join(', ')})`)
  const options = cut.options.replace(list(index.include), () => list(includeOf(index, missing)))
  return renderIndexDefinition({ ...cut, options }, { columns: missing, tablespace: index.tablespace })
}

/** As ADD CONSTRAINT takes it: options and tablespace are not in what the server gives as its definition. */
function constraintOf(index: BoundIndex, missing: readonly string[]): string {
  const keys = [...index.keys, ...missing].join(', ')
  return [
    index.primary ? 'primary key' : 'unique',
    ...(index.nullsNotDistinct ? ['nulls not distinct'] : []),
    `(${keys}${index.period ? ' without overlaps' : ''})`,
    ...(includeOf(index, missing).length === 0 ? [] : [`include (${includeOf(index, missing).join(', ')})`]),
    ...(index.options.length === 0 ? [] : [`with (${renderOptions(index.options)})`]),
    ...(index.tablespace === null ? [] : [`using index tablespace ${index.tablespace}`]),
    ...timing(index),
  ].join(' ')
}

/** A column cannot be both in the key and beside it. */
function includeOf(index: BoundIndex, missing: readonly string[]): readonly string[] {
  return index.include.filter((column) => !missing.includes(column))
}

function timing(index: BoundIndex): readonly string[] {
  if (!index.deferrable) return []
  return [index.deferred ? 'deferrable initially deferred' : 'deferrable']
}

function needOf(bound: Bound, index: BoundIndex, missing: readonly string[]): NeededKey {
  const name = bound.ownName('wide', index.plainName)
  return {
    name,
    columns: [...index.keys.filter((key) => key !== null), ...missing],
    create: `create unique index concurrently if not exists ${name} on ${bound.self} ${definitionOf(bound, index, missing)}`,
    drop: `drop index concurrently if exists ${schemaOf(bound)}.${name}`,
  }
}

/** The wider index of the old table becomes what its narrower one was, under the name it keeps as a partition's. */
function takeOver(bound: Bound, index: BoundIndex, needed: NeededKey): string {
  const name = bound.setAside(index.plainName)
  if (index.contype === null) return `alter index ${schemaOf(bound)}.${needed.name} rename to ${name}`
  const what = index.primary ? 'primary key' : 'unique'
  return bare(
    [`alter table ${bound.self} add constraint ${name} ${what} using index ${needed.name}`, ...timing(index)].join(' '),
  )
}
