// `<table>_history`: all rows of a table, wherever they are kept, to be read and changed as the table is. Rows that are in the table
// are changed there; what its triggers do with a change of a packed row is in change-functions.ts.

import { quoteIdent } from '../../sql/quote.ts'
import { columnsOf, placesOf, type TierObjects } from './objects.ts'
import { pieceOf, type Piece } from './piece.ts'

const events = ['insert', 'update', 'delete'] as const

/** Its functions are there. */
export function historyPiece(objects: TierObjects): Piece {
  const places = placesOf(objects)
  const { table, history, unpacked } = places
  const { columns, facts } = objects
  return pieceOf({
    kind: 'view',
    place: history,
    purpose: `All rows of ${table}, wherever they are kept`,
    columns: columns.map(({ name }) => name),
    create: [
      `create or replace view ${history} as
select ${columnsOf('t', columns)}
from ${table} as t
union all
select ${columnsOf('u', columns)}
from ${unpacked} as u`,
      `alter table ${history}\n  ${columns.map(({ name }) => defaultOf(name, facts.defaults[name])).join(',\n  ')}`,
      ...events.map(
        (event) =>
          `create or replace trigger pgstrata_${event} instead of ${event} on ${history} for each row execute function ${places[event]}`,
      ),
    ],
  })
}

function defaultOf(name: string, expression: string | undefined): string {
  const column = `alter column ${quoteIdent(name)}`
  return expression === undefined ? `${column} drop default` : `${column} set default ${expression}`
}
