// A partition, or anything that has its columns, as a pack: sorted, looked at, measured, gathered, and read back.
//
// I2 begins here: what is returned was decoded and hashed in the same snapshot as the source, and both are the same; otherwise
// TIER_MISMATCH, and the caller's transaction takes everything with it. It runs in a REPEATABLE READ transaction, which the caller
// began after its locks; `contentSettings` hold in it from here on.

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { isSameContent, readContent } from '../content/content.ts'
import { contentSettings } from '../content/settings.ts'
import type { SourceColumn } from '../model/columns.ts'
import type { Content } from '../model/content.ts'
import { packObjectNames } from '../model/objects.ts'
import type { Warm } from '../model/options.ts'
import { candidatesOf, isArray } from './candidates.ts'
import { choose, storagesOf } from './choose.ts'
import { keyName, leastName, mostName, type PackedColumn, type PackShape } from './column.ts'
import { isJoined } from './encode/word.ts'
import { readFacts, type PackFacts } from './facts.ts'
import { chooseKeys, type Keys } from './keys.ts'
import { measure } from './measure.ts'
import { fitRow, mostColumns } from './row-size.ts'
import { columnOf, createRowsView } from './rows-view.ts'
import { createFrames, gathering, packTable, packWords, partsOfPack, segmentsTable } from './segments.ts'
import { sortRows } from './sort.ts'
import { canBeSummed, keepsEnds } from './spans.ts'
import { wordsTable } from './words.ts'

export interface PackOrder {
  readonly id: bigint
  /** What stands behind FROM: a relation, or a query in brackets with a name. */
  readonly source: string
  /** All of the table, in its order. */
  readonly columns: readonly SourceColumn[]
  readonly warm: Pick<Warm, 'segmentBy' | 'orderBy' | 'rows'>
  /** The partition's column. */
  readonly axis: string
  /** Between slices: which share of the rows is in. */
  readonly onSlice?: ((share: number) => Promise<void>) | undefined
}

export interface Packed {
  readonly shape: PackShape
  readonly content: Content
  readonly segments: number
  /** The pack with its words, their indexes and what is stored out of line. */
  readonly bytes: number
}

const settings = "set local work_mem = '64MB'; set local jit = off"
const segmentsOfSlice = 200
/** Below this number of rows a segment, its sums and ends would be much of it. */
const leastRowsForEnds = 100

export async function buildPack(tx: Session, order: PackOrder): Promise<Packed> {
  refuse(order)
  await tx.query(sql.raw(`${contentSettings}; ${settings}`))
  const { id, source, columns } = order
  const content = await readContent(tx, columns, source)
  const { shape, facts, storages } = await shapePack(tx, order)
  await createPack(tx, shape, storages)
  await fillWords(tx, shape)
  await fillSegments(tx, shape, facts, order.onSlice)
  await finishPack(tx, shape)
  const got = await readContent(tx, columns, quoteQualified('pgstrata', packObjectNames(id).rows))
  if (!isSameContent(content, got)) throw mismatch(content, got)
  const bytes = await readBytes(tx, id)
  return { shape, content, segments: facts.segments, bytes }
}

function refuse({ columns }: PackOrder): void {
  const without = columns.filter((column) => !column.hasArray && !isArray(column))
  if (without.length > 0)
    throw new StrataError('TIER_REFUSED', {
      message: `No pack can keep ${without.map(({ name, type }) => `${name} (${type})`).join(', ')}`,
      expected: 'types that have arrays',
      advice: 'Use `strength: "slim"`, or a type that has an array type.',
    })
  if (columns.length > mostColumns)
    throw new StrataError('TIER_REFUSED', {
      message: 'The table has too many columns for a pack',
      expected: `at most ${mostColumns}`,
      got: String(columns.length),
      advice: 'Use `strength: "slim"`.',
    })
}

interface Shaped {
  readonly shape: PackShape
  readonly facts: PackFacts
  readonly storages: ReadonlyMap<number, 'main' | 'extended'>
}

async function shapePack(tx: Session, { id, source, columns, warm, axis }: PackOrder): Promise<Shaped> {
  const { segmentBy, orderBy, rows } = warm
  const keys = await chooseKeys(tx, {
    source,
    columns,
    segmentBy,
    orderBy: [axis, ...orderBy.map(({ column }) => column)],
  })
  const common = [...keys.declared, ...keys.added]
  await sortRows(tx, { source, columns, segmentBy, orderBy, keys: common, rows })
  const facts = await readFacts(tx, columns, keys)
  const possible = facts.columns.flatMap((found) => {
    const { column } = found
    const isKey = common.includes(column.name)
    const shared = sharedOf(column, { id, axis, keys, facts, isKey })
    return candidatesOf(found, { isKey }).map((choice): PackedColumn => ({ ...shared, ...choice }))
  })
  for (const { cell, type, collation } of possible) {
    if (cell === undefined) continue
    const collate = collation === undefined ? '' : ` collate ${collation}`
    await tx.query(sql.raw(`create type ${cell} as (v ${type}${collate})`))
  }
  const chosen = choose(await measure(tx, facts, possible))
  const shape: PackShape = {
    id,
    columns: fitRow(
      chosen.map(({ column }) => column),
      { rows, ended: new Set([axis, ...keys.givenUp]) },
    ),
    segmentBy: keys.declared,
    orderBy: [...new Set([...(keys.declared.length === 0 ? segmentBy : []), ...orderBy.map(({ column }) => column)])],
    axis,
  }
  return { shape, facts, storages: storagesOf(chosen) }
}

interface SharedQuestion {
  readonly id: bigint
  readonly axis: string
  readonly keys: Keys
  readonly facts: PackFacts
  readonly isKey: boolean
}

function sharedOf(column: SourceColumn, { id, axis, keys, facts, isKey }: SharedQuestion): Omit<PackedColumn, 'codec'> {
  const { name, attnum, type, collation } = column
  const isRoomy = facts.rows >= facts.segments * leastRowsForEnds
  return {
    name,
    attnum,
    type,
    ...(collation === undefined ? {} : { collation }),
    ...(isArray(column) ? { cell: quoteQualified('pgstrata', `pack_${id}_cell_${attnum}`) } : {}),
    ends: !isKey && keepsEnds(column, keys) && (isRoomy || name === axis || keys.givenUp.includes(name)),
    sum: !isKey && canBeSummed(type) && isRoomy,
  }
}

async function createPack(
  tx: Session,
  shape: PackShape,
  storages: ReadonlyMap<number, 'main' | 'extended'>,
): Promise<void> {
  const { id, columns } = shape
  const first = ['segment bigint primary key', 'rows integer not null']
  await tx.query(sql.raw(`create table ${packTable(id)} ${segmentsTable(partsOfPack(shape), first)}`))
  await tx.query(
    sql.raw(`create table ${packWords(id)} (
  col smallint not null,
  code integer not null,
  value text not null,
  primary key (col, code)
)`),
  )
  const lists = new Map(partsOfPack(shape).lists.map(({ name, type }) => [name, type]))
  const changes = columns.flatMap(({ attnum }) =>
    ['c', 'h']
      .map((letter) => `${letter}${attnum}`)
      .filter((name) => lists.has(name))
      .map((name) => {
        const storage = lists.get(name) === 'bit varying' ? 'plain' : (storages.get(attnum) ?? 'extended')
        return `alter column ${name} set storage ${storage}`
      }),
  )
  if (changes.length > 0) await tx.query(sql.raw(`alter table ${packTable(id)} ${changes.join(', ')}`))
}

async function fillWords(tx: Session, { id, columns }: PackShape): Promise<void> {
  for (const column of columns.filter(isJoined)) {
    await tx.query(
      sql.raw(
        `insert into ${packWords(id)} select ${column.attnum}::int2, code, value from ${wordsTable(column)} order by code`,
      ),
    )
  }
}

async function fillSegments(
  tx: Session,
  shape: PackShape,
  { rows, segments }: PackFacts,
  onSlice: PackOrder['onSlice'],
): Promise<void> {
  if (segments === 0) return
  const parts = partsOfPack(shape)
  const frames = 'pgstrata_frames'
  await createFrames(tx, { name: frames, parts, condition: 'true' })
  const { rows: cuts } = await tx.query<{ cut: string; before: string }>(
    sql.raw(`select cut::text as cut, before::text as before
from (select cut, segment, sum(rows) over (order by cut) - rows as before from pg_temp.${frames}) as f
where segment % ${segmentsOfSlice} = 1
order by f.cut`),
  )
  for (const [index, { cut, before }] of cuts.entries()) {
    if (index > 0) await onSlice?.(Number(before) / rows)
    const between = [cut, cuts[index + 1]?.cut] as const
    await tx.query(sql.raw(gathering({ frames, into: packTable(shape.id), parts, between })))
  }
  await onSlice?.(1)
}

async function finishPack(tx: Session, shape: PackShape): Promise<void> {
  const { id, segmentBy } = shape
  const axis = columnOf(shape, shape.axis)
  const [first] = segmentBy
  const second = first === undefined ? mostName(axis) : leastName(axis)
  const lead = first === undefined ? leastName(axis) : keyName(columnOf(shape, first))
  await tx.query(sql.raw(`create index on ${packTable(id)} (${lead}, ${second})`))
  await tx.query(sql.raw(`analyze ${packTable(id)}`))
  await tx.query(sql.raw(`analyze ${packWords(id)}`))
  for (const statement of createRowsView(shape)) await tx.query(sql.raw(statement))
}

async function readBytes(tx: Session, id: bigint): Promise<number> {
  const { bytes } = onlyRow(
    await tx.query<{ bytes: string }>(sql`
      select (pg_total_relation_size(${packTable(id)}::regclass) + pg_total_relation_size(${packWords(id)}::regclass))::text as bytes`),
  )
  return Number(bytes)
}

function mismatch(expected: Content, got: Content): StrataError {
  return new StrataError('TIER_MISMATCH', {
    message: 'A pack does not give back the rows that went in',
    expected: `${expected.rows} rows with the hash of the table`,
    got: `${got.rows} rows${expected.rows === got.rows ? ' with another' : ''}`,
    details: { expected, got },
  })
}

/** Everything that `buildPack` made, whether or not the rest of a pack is still there. */
export function dropPack(id: bigint): readonly string[] {
  const { rows } = packObjectNames(id)
  return [
    `drop view if exists ${quoteQualified('pgstrata', rows)}`,
    `drop table if exists ${packTable(id)}`,
    `drop table if exists ${packWords(id)}`,
    `do $$
declare cell name;
begin
  for cell in
    select t.typname
    from pg_catalog.pg_type t
    where t.typnamespace = 'pgstrata'::regnamespace
      and t.typtype = 'c'
      and starts_with(t.typname, 'pack_${id}_cell_')
  loop
    execute format('drop type pgstrata.%I', cell);
  end loop;
end $$`,
  ]
}
