// What can be told of a declaration without a server: whether its names fit beside each other, and whether it is within the
// bounds. Pure.
//
// Which states a measure is kept in depends on types and nulls, which may change: a name that any of them might need is
// taken by the measure.

import { StrataError } from '../../base/errors.ts'
import type { Measure, Rollup } from '../model/options.ts'
import { functionSuffixes } from '../model/own-functions.ts'
import { ownRelations } from '../model/own-relations.ts'
import { bucketColumn, isAdditive, isInTotals, rowCount } from '../model/shape.ts'
import { onlyKey } from '../model/statements.ts'
import { findUnitFault } from '../model/units.ts'
import { isDistinctInTotals, valuesKinds, valuesMeasures } from '../model/values.ts'

const maxIdentifierBytes = 63
/** Of a unique index. */
const maxKeys = 32
/** Five numbers each, which have to fit on one page of 8 kB. */
const maxMeasures = 100

/** Of percentiles, and of topK. */
const leastError = 0.0001
const mostError = 0.5
const mostValues = 1000

/** Of what stands beside the view, and in schema "pgstrata". */
const suffixes = ['_parts', '_merged', '_totals', '_delta', '_lock'] as const
const stateSuffixes = ['_sum', '_n', '_nan', '_inf', '_ninf'] as const

export function checkRollup(rollup: Rollup): void {
  checkNames(rollup)
  checkSizes(rollup)
  checkBucket(rollup)
  checkTotals(rollup)
  checkLevels(rollup)
  checkValues(rollup)
  for (const measure of rollup.measures) {
    if (measure.kind !== 'count' && measure.of === undefined) {
      throw refuse(rollup, `measure "${measure.name}" says not of what`, { expected: 'an expression in `of`' })
    }
    if (measure.windows === true && measure.kind !== 'countDistinct') {
      throw refuse(rollup, `measure "${measure.name}" asks for windows`, {
        expected: 'it of `countDistinct` alone',
        advice: 'What is added up is in totals anyway, and of the rest nothing is.',
      })
    }
    if (
      (measure.kind === 'first' || measure.kind === 'last') &&
      rollup.bucket === undefined &&
      measure.order === undefined
    ) {
      throw refuse(rollup, `measure "${measure.name}" says not by what`, {
        expected: 'an expression in `order`, or a bucket',
      })
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

function checkTotals(rollup: Rollup): void {
  const { totals, bucket } = rollup
  if (totals === undefined) return
  const measures = rollup.measures.filter(isInTotals)
  const [window] = totals.windows
  if (bucket === undefined && window !== undefined) {
    throw refuse(rollup, `without a bucket there is no window "${window.name}"`, {
      expected: 'totals of all time alone, or a bucket',
      advice: 'Leave `windows` out of `totals`, or give it a bucket.',
    })
  }
  const floating = measures.find(({ floats }) => floats)
  if (floating !== undefined && totals.windows.length > 0) {
    throw refuse(
      rollup,
      `measure "${floating.name}" adds up floating point numbers, and windows take away what leaves`,
      {
        expected: 'numbers that are the same again when others were added and taken away',
        advice: 'Cast it (`x::numeric`).',
      },
    )
  }
  for (const { name } of [...totals.windows, ...totals.compute]) requireFit(rollup, name, 0)
  const computed = totals.compute.map(({ name }) => ({ name, owner: `"${name}", which is computed` }))
  const columns = [
    ...measures.map(({ name }) => own(name, name)),
    ...totals.windows.flatMap((window) =>
      measures.map(({ name }) => ({ name: `${name}_${window.name}`, owner: `measure "${name}" of "${window.name}"` })),
    ),
    ...computed,
  ]
  const keys = rollup.by.map((name) => ({ name, owner: `key "${name}"` }))
  requireDistinct(rollup, 'of its totals', [...keys, ...columns])
  const ever = [
    own(rowCount, 'of all rows'),
    ...measures.flatMap((one) => statesOf(one).map((state) => own(state, one.name))),
  ]
  const inWindows = totals.windows.flatMap((window) =>
    ever.map(({ name, owner }) => ({ name: `${name}_${window.name}`, owner: `${owner} of "${window.name}"` })),
  )
  const only = rollup.by.length === 0 ? [{ name: onlyKey, owner: 'the one row' }] : []
  requireDistinct(rollup, 'of the table of its totals', [...keys, ...only, ...ever, ...inWindows, ...computed])
  for (const { name } of inWindows) requireFit(rollup, name, 0)
  for (const { column } of totals.index) {
    if (columns.some(({ name }) => name === column)) continue
    const expected = `one of ${columns.map(({ name }) => name).join(', ')}`
    throw refuse(rollup, `its totals have no column "${column}" to index`, { expected })
  }
}

function checkLevels(rollup: Rollup): void {
  const { bucket, levels = [] } = rollup
  for (const [place, unit] of levels.entries()) {
    if (levels.indexOf(unit) < place) throw refuse(rollup, `level "${unit}" is declared twice`, {})
    const isBucket = bucket?.span.unit === unit && bucket.span.count === 1
    const fault = isBucket ? { why: 'that is its bucket' } : findUnitFault(rollup, unit)
    if (fault !== undefined) throw refuseLevel(rollup, unit, fault.why)
  }
  if (levels.length > 0 && !rollup.measures.some(isAdditive)) {
    throw refuse(rollup, 'none of its measures can be added up, as levels are', { advice: 'Leave `levels` out.' })
  }
}

export function refuseLevel(rollup: Rollup, unit: string, why: string): StrataError {
  return refuse(rollup, `it cannot be kept by ${unit}: ${why}`, {
    expected: 'levels in each of which several of its buckets lie, and lie whole',
    advice: `Leave "${unit}" out of \`levels\`.`,
  })
}

/** Where values are kept, each has the keys and two columns more, all but one of them in a unique index. */
function checkValues(rollup: Rollup): void {
  const names = valuesMeasures(rollup)
  if (names.length === 0) return
  for (const name of names) requireFit(rollup, `${rollup.name}_${name}_values_delta`, 0)
  requireDistinct(rollup, 'of the tables of its values', [
    ...keysAndOwners(rollup),
    { name: 'value', owner: 'the value' },
    { name: 'n', owner: 'how often it is there' },
  ])
  checkDistinct(rollup)
  const keys = rollup.by.length + (rollup.bucket === undefined ? 0 : 1)
  if (keys >= maxKeys)
    throw refuse(rollup, 'there are too many keys beside values', {
      expected: `at most ${maxKeys - 1}`,
      got: `${keys}`,
    })
  for (const { name, kind, fraction, error, most } of rollup.measures) {
    const isWithin = (value: number | undefined, from: number, to: number): boolean =>
      value !== undefined && value >= from && value <= to
    if (kind === 'percentile' && !isWithin(fraction, 0, 1))
      throw refuse(rollup, `measure "${name}" says not which percentile`, { expected: 'a fraction from 0 to 1' })
    if (kind === 'percentile' && error !== undefined && !isWithin(error, leastError, mostError)) {
      const expected = `an error from ${leastError} to ${mostError}`
      throw refuse(rollup, `measure "${name}" cannot be that exact, or that far off`, { expected, got: `${error}` })
    }
    if (kind === 'topK' && !(isWithin(most, 1, mostValues) && Number.isInteger(most)))
      throw refuse(rollup, `measure "${name}" says not how many`, { expected: `a number from 1 to ${mostValues}` })
  }
}

/** Measures of values in totals. */
function checkDistinct(rollup: Rollup): void {
  const { totals, by } = rollup
  const first = rollup.measures.find(isDistinctInTotals)
  if (first === undefined) return
  if (totals === undefined) {
    throw refuse(rollup, `measure "${first.name}" is to be counted in windows, and there are no totals`, {
      expected: '`totals` beside it',
      advice: 'Declare `totals`, or leave `windows` out.',
    })
  }
  const suffixes = ['', ...totals.windows.map(({ name }) => `_${name}`)]
  requireDistinct(rollup, 'of the tables of its distinct values', [
    ...by.map((name) => ({ name, owner: `key "${name}"` })),
    { name: 'value', owner: 'the value' },
    ...suffixes.map((suffix) => ({ name: `n${suffix}`, owner: 'how often it is there' })),
    ...suffixes.map((suffix) => ({ name: `moved${suffix}`, owner: 'by how much that was moved' })),
  ])
}

function checkNames(rollup: Rollup): void {
  const { name, table, measures, bucket } = rollup
  const called = bucket === undefined ? [] : functionSuffixes
  const all = [...suffixes, ...called, ...(rollup.levels ?? []).map((unit) => `_${unit}_merged`)]
  const longest = Math.max(...all.map((suffix) => suffix.length))
  requireFit(rollup, name, longest)
  for (const measure of measures) requireFit(rollup, measure.name, longestOf(measure))
  const taken = ownRelations(rollup).flatMap((one) => (one.schema === rollup.schema ? [one.name] : []))
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

function statesOf(measure: Measure): readonly string[] {
  const { name, kind } = measure
  return [...(kind === 'avg' ? [] : [name]), ...suffixesOf(measure).map((suffix) => `${name}${suffix}`)]
}

function suffixesOf({ kind }: Measure): readonly string[] {
  if (kind === 'count' || valuesKinds.some((one) => one === kind)) return []
  if (kind === 'sum' || kind === 'avg') return stateSuffixes
  return kind === 'min' || kind === 'max' ? ['_gone'] : ['_at', '_gone']
}

const longestOf = (measure: Measure): number => Math.max(0, ...suffixesOf(measure).map((suffix) => suffix.length))

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
