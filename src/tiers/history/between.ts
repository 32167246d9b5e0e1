// `<table>_between(since, until)`: the history of an interval, without what cannot be in it: partitions, packs and segments.
//
// What holds: Postgres inlines it where it is called: a function that is neither strict nor SECURITY DEFINER, sets nothing and is one
// SELECT. Whoever calls reads with rights of its own. Bounds of a pack are constants: with constants as arguments the pack is gone
// when the plan is made, with parameters when the query begins. Least and most are columns of the pack, so its indexes serve.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { columnsOf, placesOf, type TierObjects } from './objects.ts'
import { pieceOf, type Piece } from './piece.ts'

export function betweenPiece(objects: TierObjects): Piece {
  const { table, between, unpacked } = placesOf(objects)
  return pieceOf({
    kind: 'function',
    place: between,
    purpose: `Rows of ${table} in an interval, wherever they are kept`,
    create: [
      `${intervalHead(objects, between)}
language sql
stable
parallel safe
as ${quoteLiteral(`${ownRows(objects)}\nunion all\n${unpackedRows(objects, unpacked)}`)}`,
      `revoke all on function ${between} from public`,
    ],
  })
}

/** Name, arguments and what it returns. */
export function intervalHead({ table: source, number, columns, axis }: TierObjects, place: string): string {
  const { table } = placesOf({ table: source, number, axis })
  const name = place.slice(0, place.lastIndexOf('('))
  const types = columns.map((column) => `${quoteIdent(column.name)} ${table}.${quoteIdent(column.name)}%type`)
  // No two of arguments and columns may have one name.
  const names = ['since', 'until'].map((one) => (columns.some((column) => column.name === one) ? '' : `${one} `))
  return `create or replace function ${name}(${names.map((one) => `${one}${axis.type}`).join(', ')})
returns table (${types.join(', ')})`
}

/** Of the table itself. */
export function ownRows(objects: TierObjects): string {
  const at = quoteIdent(objects.axis.name)
  return `select ${columnsOf('t', objects.columns)}
from ${placesOf(objects).table} as t
where t.${at} >= $1
  and t.${at} < $2`
}

export function unpackedRows({ columns, axis }: TierObjects, unpacked: string): string {
  const at = quoteIdent(axis.name)
  return `select ${columnsOf('u', columns)}
from ${unpacked} as u
where (u.pgstrata_upper > $1 or u.pgstrata_upper is null)
  and (u.pgstrata_lower < $2 or u.pgstrata_lower is null)
  and u.pgstrata_most >= $1
  and u.pgstrata_least < $2
  and u.${at} >= $1
  and u.${at} < $2`
}
