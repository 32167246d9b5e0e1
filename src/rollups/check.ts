// What can be told of a declaration without a server: whether its names fit beside each other, and whether it is within the
// bounds. Pure.
//
// Which states a measure is kept in depends on types and nulls, which may change: a name that any of them might need is
// taken by the measure.

import { StrataError } from '../base/errors.ts'
import type { AdditiveMeasure, Rollup } from './options.ts'
import { bucketColumn, rowCount } from './shape.ts'
import { onlyKey } from './statements.ts'

const maxIdentifierBytes = 63
/** Of a unique index. */
const maxKeys = 32
/** Five numbers each, which have to fit on one page of 8 kB. */
const maxMeasures = 100

/** Of what stands beside the view, and in schema "pgstrata". */
const suffixes = ['_parts', '_merged', '_delta', '_lock'] as const
const stateSuffixes = ['_sum', '_n', '_nan', '_inf', '_ninf'] as const

export function checkRollup(rollup: Rollup): void {
  checkNames(rollup)
  checkSizes(rollup)
  checkBucket(rollup)
  for (const measure of rollup.measures) {
    if (measure.kind !== 'count' && measure.of === undefined) {
      throw refuse(rollup, `measure "${measure.name}" says not what to add up`, { expected: 'an expression in `of`' })
    }
  }
}

export function refuse(
  rollup: Rollup,
  what: string,
  detail: { expected?: string; got?: string; advice?: string },
): StrataError {
  return new StrataError('ROLLUP_IMPOSSIBLE', { message: `Rollup "${rollup.name}": ${what}`, ...detail })
}

function checkSizes(rollup: Rollup): void {
  const { by, measures, bucket } = rollup
  const keys = by.length + (bucket === undefined ? 0 : 1)
  if (keys > maxKeys)
    throw refuse(rollup, 'there are too many keys', { expected: `at most ${maxKeys}`, got: `${keys}` })
  if (measures.length > maxMeasures) {
    const detail = { expected: `at most ${maxMeasures}`, got: `${measures.length}`, advice: 'Make two rollups of it.' }
    throw refuse(rollup, 'there are too many measures', detail)
  }
}

function checkBucket(rollup: Rollup): void {
  const { bucket } = rollup
  if (bucket === undefined) return
  const { unit, count } = bucket.span
  const whole = unit === 'minute' ? 60 : unit === 'hour' ? 24 : 1
  if (!Number.isInteger(count) || count < 1 || whole % count !== 0) {
    const expected = whole === 1 ? `1 ${unit}` : `a number of ${unit}s that divides ${whole}`
    throw refuse(rollup, 'its buckets would not begin at the same time each day', {
      expected,
      got: `${count} ${unit}s`,
    })
  }
  if (bucket.zone !== 'UTC' && !bucket.zone.includes('/')) {
    throw refuse(rollup, `"${bucket.zone}" may mean another zone in another session`, {
      expected: `'UTC', or a name with a region, such as 'Europe/Berlin'`,
      advice: `For a fixed offset, say 'Etc/GMT-2' (which is two hours east).`,
    })
  }
}

function checkNames(rollup: Rollup): void {
  const { name, table, measures } = rollup
  const longest = Math.max(...suffixes.map((suffix) => suffix.length))
  requireFit(rollup, name, longest)
  for (const measure of measures) requireFit(rollup, measure.name, longestOf(measure))
  const taken = [name, ...suffixes.slice(0, 2).map((suffix) => `${name}${suffix}`)]
  if (taken.includes(table)) {
    throw refuse(rollup, `it would be called like its source, "${table}"`, { advice: 'Give it another name.' })
  }
  requireDistinct(rollup, 'of its view', [...keysAndOwners(rollup), ...measures.map(({ name: one }) => own(one, one))])
  requireDistinct(rollup, 'of its tables', [
    ...keysAndOwners(rollup),
    { name: rowCount, owner: 'the number of rows' },
    ...(rollup.bucket === undefined && rollup.by.length === 0 ? [{ name: onlyKey, owner: 'the one row' }] : []),
    ...measures.flatMap((measure) => statesOf(measure).map((state) => own(state, measure.name))),
  ])
}

const own = (name: string, measure: string): Owned => ({ name, owner: `measure "${measure}"` })

interface Owned {
  readonly name: string
  /** As the refusal says it. */
  readonly owner: string
}

function keysAndOwners({ bucket, by }: Rollup): readonly Owned[] {
  const time = bucket === undefined ? [] : [{ name: bucketColumn, owner: 'the bucket' }]
  return [...time, ...by.map((name) => ({ name, owner: `key "${name}"` }))]
}

function statesOf({ name, kind }: AdditiveMeasure): readonly string[] {
  if (kind === 'count') return [name]
  return [...(kind === 'sum' ? [name] : []), ...stateSuffixes.map((suffix) => `${name}${suffix}`)]
}

const longestOf = ({ kind }: AdditiveMeasure): number =>
  kind === 'count' ? 0 : Math.max(...stateSuffixes.map((suffix) => suffix.length))

function requireFit(rollup: Rollup, name: string, suffixBytes: number): void {
  const sizeBytes = Buffer.byteLength(name)
  const most = maxIdentifierBytes - suffixBytes
  if (sizeBytes >= 1 && sizeBytes <= most && !name.includes('\0')) return
  throw refuse(rollup, `"${name.slice(0, 40)}" is no name for it or what belongs to it`, {
    expected: `1 to ${most} bytes without a NUL byte`,
    got: `${sizeBytes} bytes`,
  })
}

function requireDistinct(rollup: Rollup, where: string, names: readonly Owned[]): void {
  const seen = new Map<string, string>()
  for (const { name, owner } of names) {
    const other = seen.get(name)
    if (other !== undefined) {
      throw refuse(rollup, `a column "${name}" ${where} would be both ${other} and ${owner}`, {
        advice: 'Give the measure another name; of a key, make a generated column that is called otherwise.',
      })
    }
    seen.set(name, owner)
  }
}
