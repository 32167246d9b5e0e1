// What is true of all values of each column, and of each segment's: what a codec is allowed by.
//
// Promise: exact, over all rows. What cannot be told exactly (floating point, beyond 2^53) is told as larger than it is.

import { onlyRow, type Session } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { SourceColumn } from '../model/columns.ts'
import { leastName, mostName } from './column.ts'
import { isQuotient, wholeOfNumeric } from './encode/decimals.ts'
import type { Keys } from './keys.ts'
import { distance, kindOf } from './kinds.ts'
import { sorted } from './sort.ts'
import { createSpans, spans } from './spans.ts'
import { readWords, type Words } from './words.ts'

export interface ColumnFacts {
  readonly column: SourceColumn
  readonly hasNulls: boolean
  /** SQL of the value that all rows have. */
  readonly constant?: string | undefined
  /** The widest segment, in ones, days, microseconds, or units of the last decimal place; undefined: numbers cannot stand for it. */
  readonly span?: number | undefined
  /** What all distances (of a numeric: all values) are multiples of. */
  readonly unit?: number | undefined
  /** Decimal places of all values. */
  readonly scale?: number | undefined
  readonly words?: Words | undefined
}

export interface PackFacts {
  readonly rows: number
  readonly segments: number
  readonly columns: readonly ColumnFacts[]
}

/** Times may be so many microseconds apart: some 31 years. */
const mostMicroseconds = 1e15
const mostWhole = 2 ** 62
/** A distance that `ints` takes with 16 bits needs no unit. */
const narrow = 2 ** 16 - 1
const decimals = [0, 1, 2, 3, 4, 6] as const

export async function readFacts(tx: Session, columns: readonly SourceColumn[], keys: Keys): Promise<PackFacts> {
  await createSpans(tx, columns, keys)
  const { rows, segments, rough } = await readRough(tx, columns, keys)
  const scales = await guessScales(tx, rough)
  const exact = await readExact(tx, rough, scales)
  const isKey = (name: string): boolean => keys.declared.includes(name) || keys.added.includes(name)
  const facts: ColumnFacts[] = []
  for (const found of exact) {
    const isText = kindOf(found.column.type) === 'text' && found.column.kind === 'base'
    const needsWords = isText && found.constant === undefined && !isKey(found.column.name)
    facts.push(needsWords ? { ...found, words: await readWords(tx, found.column, rows) } : found)
  }
  return { rows, segments, columns: facts }
}

interface Rough extends ColumnFacts {
  /** No value is further from zero. */
  readonly reach: number
}

async function readRough(
  tx: Session,
  columns: readonly SourceColumn[],
  { constants }: Keys,
): Promise<{ readonly rows: number; readonly segments: number; readonly rough: readonly Rough[] }> {
  const lists = columns.map((column) => {
    const { attnum, name } = column
    const same = constants.has(name) ? `bool_and(same_${attnum})::text` : `'false'`
    return `array[sum(filled_${attnum})::text, ${same}, ${roughOf(column).join(', ')}] as c${attnum}`
  })
  const head = ['count(*)::text as segments', 'coalesce(sum(rows), 0)::text as rows']
  const row = onlyRow(
    await tx.query<Record<string, string | (string | null)[]>>(
      sql.raw(`select ${[...head, ...lists].join(',\n  ')}\nfrom ${spans} as g`),
    ),
  )
  const rows = Number(row['rows'])
  const rough = columns.map((column) => {
    const [filled, same, span, reach, low, high, finite] = row[`c${column.attnum}`] ?? []
    const scale = isText(low) && low === high && finite === filled ? Number(low) : undefined
    const isConstant = same === 'true'
    return {
      column,
      hasNulls: Number(filled) < rows,
      constant: isConstant ? constants.get(column.name) : undefined,
      ...limited(column, { span: toNumber(span), reach: toNumber(reach), scale }),
    }
  })
  return { rows, segments: Number(row['segments']), rough }
}

const isText = (value: string | null | undefined): value is string => typeof value === 'string'
const toNumber = (value: string | null | undefined): number => (isText(value) ? Number(value) : 0)

/** SQL, as text: span, reach, and of numerics the least scale, the greatest, how many are finite. */
function roughOf(column: SourceColumn): readonly string[] {
  const [least, most] = [leastName(column), mostName(column)]
  const reach = `max(greatest(abs(${least}), abs(${most})))::text`
  switch (kindOf(column.type)) {
    case 'integer':
      return [`max(${most}::numeric - ${least}::numeric)::text`, `'0'`]
    case 'date':
      return [
        `max(case when isfinite(${least}) and isfinite(${most}) then (${most} - ${least})::float8 else 'infinity' end)::text`,
        `'0'`,
      ]
    case 'moment': {
      const span = `max((date_part('epoch', ${most}) - date_part('epoch', ${least})) * 1000000)`
      // 24:00 would come back as 00:00.
      const isTime = column.type === 'time without time zone'
      return [`(${isTime ? `case when max(${most}) < '24:00' then ${span} else 'infinity' end` : span})::text`, `'0'`]
    }
    case 'numeric': {
      const { attnum } = column
      const scales = [`min(low_${attnum})::text`, `max(high_${attnum})::text`, `sum(finite_${attnum})::text`]
      return [`max(${most} - ${least})::text`, reach, ...scales]
    }
    case 'float':
      return [`max(${most}::float8 - ${least}::float8)::text`, reach]
    default:
      return [`null`, `'0'`]
  }
}

/** What numbers can stand for, in their steps. */
function limited(
  { type, kind }: SourceColumn,
  { span, reach, scale }: { readonly span: number; readonly reach: number; readonly scale: number | undefined },
): Pick<Rough, 'span' | 'scale' | 'reach'> {
  const no = { span: undefined, scale: undefined, reach }
  if (kind !== 'base' || !Number.isFinite(span) || !Number.isFinite(reach)) return no
  switch (kindOf(type)) {
    case 'integer':
    case 'date':
      return span < mostWhole ? { span, scale: undefined, reach } : no
    case 'moment':
      // As floating point, which may be off by one at either end.
      return span < mostMicroseconds ? { span: Math.ceil(span) + 2, scale: undefined, reach } : no
    case 'numeric': {
      if (scale === undefined) return no
      const steps = 10 ** scale
      return reach * steps < mostWhole / 4 ? { span: Math.ceil(span * steps * (1 + 2 ** -50)), scale, reach } : no
    }
    case 'float':
      return { span, scale: undefined, reach }
    default:
      return no
  }
}

/** Of floats: with how few decimal places those of some segments could be written. */
async function guessScales(tx: Session, rough: readonly Rough[]): Promise<ReadonlyMap<number, number>> {
  const floats = rough.filter(({ column, span }) => kindOf(column.type) === 'float' && span !== undefined)
  if (floats.length === 0) return new Map()
  const lists = floats.map(({ column: { name, type, attnum }, reach }) => {
    const value = `s.${quoteIdent(name)}`
    const tries = decimals.map((scale) =>
      reach * 10 ** scale < 2 ** 52
        ? `coalesce(bool_and(${isQuotient(scale, { value, type })}), true)::text`
        : `'false'`,
    )
    return `array[${tries.join(', ')}] as c${attnum}`
  })
  const row = onlyRow(
    await tx.query<Record<string, readonly string[]>>(
      sql.raw(`select ${lists.join(', ')} from ${sorted} as s where pgstrata_n % 101 = 1`),
    ),
  )
  return new Map(
    floats.flatMap(({ column: { attnum } }): readonly [number, number][] => {
      const scale = decimals[(row[`c${attnum}`] ?? []).indexOf('true')]
      return scale === undefined ? [] : [[attnum, scale]]
    }),
  )
}

/** What takes a look at every row, for those columns where it decides something. */
async function readExact(
  tx: Session,
  rough: readonly Rough[],
  scales: ReadonlyMap<number, number>,
): Promise<readonly ColumnFacts[]> {
  const asked = rough.flatMap((facts) => {
    const exact = exactOf(facts, scales)
    return exact === undefined || facts.constant !== undefined ? [] : [`${exact} as c${facts.column.attnum}`]
  })
  const row =
    asked.length === 0
      ? {}
      : onlyRow(
          await tx.query<Record<string, string | null>>(
            sql.raw(`select ${asked.join(', ')} from ${sorted} as s join ${spans} as g on g.cut = s.pgstrata_cut`),
          ),
        )
  return rough.map(({ reach: _reach, ...facts }) => {
    const { attnum, type } = facts.column
    const found = row[`c${attnum}`]
    if (kindOf(type) === 'float') {
      const scale = scales.get(attnum)
      if (found !== 'true' || scale === undefined || facts.span === undefined) return { ...facts, span: undefined }
      return { ...facts, scale, span: Math.ceil(facts.span * 10 ** scale) + 2 }
    }
    const unit = Number(found ?? 1)
    return { ...facts, unit: unit >= 1 && unit <= 2 ** 50 ? unit : 1 }
  })
}

function exactOf({ column, span, scale }: Rough, scales: ReadonlyMap<number, number>): string | undefined {
  const { type, attnum, name } = column
  const value = `s.${quoteIdent(name)}`
  if (span === undefined) return undefined
  if (kindOf(type) === 'float') {
    const places = scales.get(attnum)
    return places === undefined ? undefined : `coalesce(bool_and(${isQuotient(places, { value, type })}), true)::text`
  }
  if (span <= narrow) return undefined
  const whole =
    kindOf(type) === 'numeric'
      ? wholeOfNumeric(scale === undefined ? {} : { scale }, value)
      : distance(type, { upper: value, lower: `g.${leastName(column)}` })
  return `pgstrata.common_divisor(${whole})::text`
}
