// The rows of a pack as they were, by a SELECT over its segments.
//
// Arrays are unfolded side by side in the select list: what is asked of keys and of least and most is asked of segments, before
// anything is unfolded; what is asked of other columns comes after it. Nothing is sorted and nothing is kept.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { assert } from '../../base/errors.ts'
import { packObjectNames } from '../model/objects.ts'
import { rulesOf } from './codecs.ts'
import { leastName, mostName, rowNames, type PackedColumn, type PackShape } from './column.ts'
import { asColumn, isJoined, wordsAlias } from './encode/word.ts'

const schema = 'pgstrata'

/** Of all columns, or of these; in front of them the segment, behind them between which values it lies. */
export function rowsOfPack(shape: PackShape, columns?: readonly string[]): string {
  const asked = columns === undefined ? shape.columns : columns.map((name) => columnOf(shape, name))
  const joined = asked.filter(isJoined)
  const { segment } = rowNames
  const names = packObjectNames(shape.id)
  const outer = [
    `s.${segment}`,
    ...asked.map((column) => `${outerValue(column)} as ${quoteIdent(column.name)}`),
    ...endsOf(shape).map(({ name }) => `s.${name}`),
  ]
  const joins = joined.map((column) => {
    const words = wordsAlias(column)
    return `left join ${quoteQualified(schema, names.words)} as ${words} on ${words}.col = ${column.attnum} and ${words}.code = s.${codeName(column)}\n`
  })
  return `select ${outer.join(', ')}
from (
  select ${innerList(shape, asked).join(',\n    ')}
  from ${quoteQualified(schema, names.segments)}
) as s
${joins.join('')}`.trimEnd()
}

export function createRowsView(shape: PackShape): readonly string[] {
  return [`create view ${quoteQualified(schema, packObjectNames(shape.id).rows)} as\n${rowsOfPack(shape)}`]
}

/** Columns of `orderBy` of which segments have least and most: `pgstrata_least_<n>` and `pgstrata_most_<n>` in the view of rows. */
function givenUpKeys({ columns, orderBy, axis }: PackShape): readonly PackedColumn[] {
  return columns.filter(({ name, ends }) => ends && name !== axis && orderBy.includes(name))
}

/** Its column in the shape; a name that is none is a mistake of ours. */
export function columnOf({ columns }: PackShape, name: string): PackedColumn {
  const found = columns.find((column) => column.name === name)
  assert(found !== undefined, `The pack has no column ${name}`)
  return found
}

function innerList(shape: PackShape, asked: readonly PackedColumn[]): readonly string[] {
  const decoded = asked.map(
    (column) =>
      `${rulesOf[column.codec].decode(column)} as ${isJoined(column) ? codeName(column) : quoteIdent(column.name)}`,
  )
  const isUnfolded = asked.some(({ codec }) => rulesOf[codec].unfolds)
  return [
    `segment as ${rowNames.segment}`,
    ...decoded,
    ...(isUnfolded ? [] : ['generate_series(1, rows) as pgstrata_place']),
    ...endsOf(shape).map(({ name, from }) => `${from} as ${name}`),
  ]
}

/** Of the axis, and of texts that rows are in order of: keys that were given up. */
function endsOf(shape: PackShape): readonly { readonly name: string; readonly from: string }[] {
  const axis = columnOf(shape, shape.axis)
  const others = givenUpKeys(shape).flatMap((column) => [leastName(column), mostName(column)])
  return [
    { name: rowNames.least, from: leastName(axis) },
    { name: rowNames.most, from: mostName(axis) },
    ...others.map((name) => ({ name: `pgstrata_${name}`, from: name })),
  ]
}

function outerValue(column: PackedColumn): string {
  const { type, collation } = column
  return isJoined(column)
    ? asColumn({ type, collation }, `${wordsAlias(column)}.value`)
    : `s.${quoteIdent(column.name)}`
}

function codeName({ attnum }: PackedColumn): string {
  return `pgstrata_code_${attnum}`
}
