// The table of a pack: one row a segment. What it is made of, and how it is filled.

import type { Session } from '../../db/db.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { packObjectNames } from '../model/objects.ts'
import type { ListPart, Part } from './codec.ts'
import { rulesOf } from './codecs.ts'
import { declaredType, leastName, mostName, sumName, type PackedColumn, type PackShape } from './column.ts'
import { isJoined, wordsAlias } from './encode/word.ts'
import { sorted } from './sort.ts'
import { spans } from './spans.ts'
import { wordsTable } from './words.ts'

/** What a segment is made of: values that are there once, and lists with one element a row. */
export interface Parts {
  readonly scalars: readonly Part[]
  readonly lists: readonly ListPart[]
  /** Columns whose words have to be looked up. */
  readonly joined: readonly PackedColumn[]
}

/** A column by the slot that its parts are called by: its own number, or that of a trial. */
export interface Slotted {
  readonly column: PackedColumn
  readonly slot: number
}

export function partsOf(slotted: readonly Slotted[]): Parts {
  const joined = new Map(
    slotted.filter(({ column }) => isJoined(column)).map(({ column }) => [column.attnum, column] as const),
  )
  return {
    scalars: slotted.flatMap(({ column, slot }) => rulesOf[column.codec].scalars(column, slot)),
    lists: slotted.flatMap(({ column, slot }) => rulesOf[column.codec].lists(column, slot)),
    joined: [...joined.values()],
  }
}

export function partsOfPack({ columns }: PackShape): Parts {
  const parts = partsOf(columns.map((column) => ({ column, slot: column.attnum })))
  const ends = columns
    .filter((column) => column.ends)
    .flatMap((column) =>
      [leastName(column), mostName(column)].map((name) => ({ name, type: declaredType(column), from: `g.${name}` })),
    )
  const sums = columns
    .filter((column) => column.sum)
    .map((column) => ({ name: sumName(column), type: 'numeric', from: `g.${sumName(column)}` }))
  return { ...parts, scalars: [...parts.scalars, ...ends, ...sums] }
}

/** Columns and options of a table of segments. Compressed as soon as a page has few of them, and kept in the row where that is small. */
export function segmentsTable({ scalars, lists }: Parts, first: readonly string[]): string {
  const columns = [...scalars, ...lists].map(({ name, type }) => `${name} ${type}`)
  return `(
  ${[...first, ...columns].join(',\n  ')}
) with (toast_tuple_target = 128)`
}

/** cut, segment, rows and the scalars of every segment that the condition (alias g) picks. */
export async function createFrames(
  tx: Session,
  { name, parts, condition }: { readonly name: string; readonly parts: Parts; readonly condition: string },
): Promise<void> {
  const scalars = parts.scalars.map(({ name: scalar, type, from }) => `(${from})::${bare(type)} as ${scalar}`)
  await tx.query(
    sql.raw(`create temp table ${name} on commit drop as
select ${['g.cut', 'g.segment', 'g.rows', ...scalars].join(',\n  ')}
from ${spans} as g
where ${condition}`),
  )
  await tx.query(sql.raw(`alter table pg_temp.${name} add primary key (cut)`))
  await tx.query(sql.raw(`analyze pg_temp.${name} (cut)`))
}

export interface Gathering {
  /** As created by `createFrames`. */
  readonly frames: string
  readonly into: string
  readonly parts: Parts
  /** Segments from one cut to before another; undefined: all. */
  readonly between?: readonly [from: string, before: string | undefined]
}

/**
 * Rows are put in order before they are gathered, with what is kept of them alone: an aggregate takes them as they come. Were
 * they to come otherwise, the pack would be larger, and as right: all lists of a segment are gathered from the same rows.
 */
export function gathering({ frames, into, parts, between }: Gathering): string {
  const { scalars, lists, joined } = parts
  const targets = ['segment', 'rows', ...scalars.map(({ name }) => name), ...lists.map(({ name }) => name)]
  const once = ['f.segment', 'f.rows', ...scalars.map(({ name }) => `f.${name}`)]
  if (lists.length === 0)
    return `insert into ${into} (${targets.join(', ')})
select ${once.join(', ')}
from pg_temp.${frames} as f
where ${inRange('f.cut', between)}
order by f.cut`
  const words = joined.map((column) => {
    const alias = wordsAlias(column)
    return `  left join ${wordsTable(column)} as ${alias} on ${alias}.value = s.${quoteIdent(column.name)}::text collate pg_catalog."C"\n`
  })
  const elements = lists.map(({ name, from }) => `${from} as ${name}`)
  const gathered = lists.map(({ name, gather = arrayOf }) => `${gather(`e.${name}`)} as ${name}`)
  return `insert into ${into} (${targets.join(', ')})
select ${[...once, ...lists.map(({ name }) => `l.${name}`)].join(', ')}
from (
  select e.cut, ${gathered.join(', ')}
  from (
    select f.cut, ${elements.join(', ')}
    from pg_temp.${frames} as f
    join ${sorted} as s on s.pgstrata_cut = f.cut
  ${words.join('  ')}    where ${inRange('f.cut', between)}
      and ${inRange('s.pgstrata_cut', between)}
    order by f.cut, s.pgstrata_n
  ) as e
  group by e.cut
) as l
join pg_temp.${frames} as f on f.cut = l.cut
order by f.cut`
}

const arrayOf = (element: string): string => `array_agg(${element})`

function inRange(value: string, between: Gathering['between']): string {
  if (between === undefined) return 'true'
  const [from, before] = between
  return before === undefined ? `${value} >= ${from}` : `${value} >= ${from} and ${value} < ${before}`
}

/** A type behind `::` takes no collation. */
function bare(type: string): string {
  const at = type.indexOf(' collate ')
  return at === -1 ? type : type.slice(0, at)
}

export function packTable(id: bigint): string {
  return quoteQualified('pgstrata', packObjectNames(id).segments)
}

export function packWords(id: bigint): string {
  return quoteQualified('pgstrata', packObjectNames(id).words)
}
