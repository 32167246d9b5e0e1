// `song_plays_since(instant)` and `song_plays_between(from, to)`: what the typed reader gives for `.since(…).by(all keys)`, from SQL.
//
// What holds: the statement is the reader's own, and Postgres inlines it where the function is called: a function that is neither
// strict nor SECURITY DEFINER, sets nothing and is one SELECT. So a condition on a key is pushed down to indexes, and an instant
// that is known when the query begins prunes partitions. Whoever calls reads with rights of its own. A body is text, not
// parsed beforehand: it would hold on to every column of the source.
//
// Each comment ends in a digest of the function, so that another apply knows whether it is as this package has it.

import { createHash } from 'node:crypto'
import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { createViews, dropViews } from '../kept/tables.ts'
import { deltaOf, pendingViewOf, viewOf } from '../model/names.ts'
import { measuresInFunctions, ownFunctions, type OwnFunction } from '../model/own-functions.ts'
import type { Shape } from '../model/shape.ts'
import { everything } from './asked.ts'
import { compileRead } from './compile.ts'

/** All that SQL reads, of what is filled. */
export function createReaders(shape: Shape): readonly string[] {
  return [...createViews(shape), ...createFunctions(shape).flatMap(({ statements }) => statements)]
}

export function dropReaders(shape: Shape): readonly string[] {
  return [...dropFunctions(shape), ...dropViews(shape.rollup)]
}

export function dropFunctions(shape: Shape): readonly string[] {
  return ownFunctions(shape).map(({ place }) => `drop function if exists ${place}`)
}

export interface CreatedFunction {
  readonly place: string
  readonly comment: string
  readonly statements: readonly string[]
}

/** Behind the views: their columns have the types. */
export function createFunctions(shape: Shape): readonly CreatedFunction[] {
  return ownFunctions(shape).map((own) => {
    const { kind, place } = own
    const create = createText(shape, own)
    const digest = createHash('sha256').update(create).digest('hex').slice(0, 12)
    const of = kind === 'since' ? 'from an instant on' : 'between two instants'
    const comment = `What rollup ${viewOf(shape.rollup)} comes to ${of}, by key: exact to the last commit (pgstrata ${digest})`
    return { place, comment, statements: [create, `comment on function ${place} is ${quoteLiteral(comment)}`] }
  })
}

function createText(shape: Shape, { kind, name }: OwnFunction): string {
  const { rollup, bucketType = '', levels = [] } = shape
  const measures = measuresInFunctions(shape)
  const columns = [...rollup.by, ...measures]
  const types = columns.map((one) => `${quoteIdent(one)} ${viewOf(rollup)}.${quoteIdent(one)}%type`)
  const names = kind === 'since' ? ['since'] : ['since', 'until']
  // No two of arguments and columns may have one name.
  const typed = names.map((one) => `${columns.includes(one) ? '' : `${one} `}pg_catalog.${bucketType}`)
  const body = compileRead(
    shape,
    {
      ...everything,
      from: { kind: 'argument', place: 1 },
      to: kind === 'since' ? undefined : { kind: 'argument', place: 2 },
      by: rollup.by,
      measures,
    },
    { pending: levels.length === 0 ? deltaOf(rollup) : pendingViewOf(rollup) },
  )
  return [
    `create or replace function ${name}(${typed.join(', ')})`,
    `returns table (${types.join(', ')})`,
    'language sql',
    'stable',
    'parallel safe',
    `as ${quoteLiteral(body.text)}`,
  ].join('\n')
}
