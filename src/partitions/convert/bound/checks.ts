// CHECK constraints. One that is validated holds for every row, so the new table has it from the start and checks the
// rows that come; one that is not may have rows that break it, so a copy gets it in the swap, not validated either.
//
// `relabel`: ATTACH compares the texts of both tables' checks. What the server writes for `x between 1 and 5 and y > 0`,
// or for `status in ('a', 'b')` over varchar, it writes in another way when it has read that. Where the texts differ, the
// old table's is read from the same text, in the swap; nobody looks at its rows there, so both are validated behind it.
// New rows are checked all the time.

import { renderComment } from '../../../catalog/dump/attributes.ts'
import { readRows } from '../../../catalog/dump/reading.ts'
import { sql } from '../../../sql/sql.ts'
import { quoteLiteral } from '../../../sql/quote.ts'
import { bare, doBlock, type Bound } from './context.ts'
import { carried, refused, type BoundItem } from './item.ts'
import { ownPrefix } from './names.ts'

interface CheckRow {
  readonly name: string
  readonly definition: string
  readonly validated: boolean
  readonly enforced: boolean
  readonly noInherit: boolean
  readonly comment: string | null
}

export async function readChecks(bound: Bound): Promise<readonly BoundItem[]> {
  const enforced = bound.reading.version >= 180_000 ? sql`con.conenforced` : sql`true`
  const rows = await readRows<CheckRow>(
    bound.reading,
    sql`
    select quote_ident(con.conname) as name,
      pg_get_constraintdef(con.oid) as definition,
      con.convalidated as validated,
      ${enforced} as enforced,
      con.connoinherit as "noInherit",
      obj_description(con.oid, 'pg_constraint') as comment
    from pg_constraint con
    where con.conrelid = ${bound.row.oid}::oid
      and con.contype = 'c'
      and not starts_with(con.conname::text, ${ownPrefix})
    order by con.conname`,
  )
  return rows.map((row) => render(bound, row))
}

function render(bound: Bound, row: CheckRow): BoundItem {
  const told = { kind: 'check constraint', name: row.name }
  if (row.noInherit) {
    return refused(
      { ...told, how: 'It is NO INHERIT: it would not hold in partitions, where all rows are.' },
      'Add it again without NO INHERIT (NOT VALID, then VALIDATE), and drop this one.',
    )
  }
  const { method } = bound.subject
  const inSwap = method === 'copy' && !row.validated
  const add = (table: string): string =>
    `alter table ${table} drop constraint if exists ${row.name}, add constraint ${row.name} ${row.definition}`
  const comments = renderComment(bound.reading, `constraint ${row.name} on ${bound.self}`, row.comment).map(bare)
  return carried(
    { ...told, how: row.validated ? 'It is there again.' : 'It is added again, not validated as it is.' },
    {
      statements: inSwap
        ? { adopt: [add(bound.self), ...comments] }
        : {
            prepare: [add(bound.incoming)],
            ...(method === 'relabel' ? { release: [sameText(bound, row)] } : {}),
            adopt: comments,
            ...(method === 'relabel' && row.validated
              ? { settle: [`alter table ${bound.self} validate constraint ${row.name}`] }
              : {}),
          },
    },
  )
}

/** Both tables' from the same text, where they differ. A child's that is not valid merges with a parent's that is not. */
function sameText(bound: Bound, row: CheckRow): string {
  const definition = `${row.definition.replace(/ NOT VALID$/, '')}${row.enforced ? ' not valid' : ''}`
  const text = (table: string): string => `(
      select pg_catalog.pg_get_constraintdef(oid)
      from pg_catalog.pg_constraint
      where conrelid = ${quoteLiteral(table)}::regclass
        and contype = 'c'
        and pg_catalog.quote_ident(conname) = ${quoteLiteral(row.name)}
    )`
  const again = (table: string): string =>
    `alter table ${table} drop constraint ${row.name}, add constraint ${row.name} ${definition};`
  return doBlock(`begin
  if ${text(bound.self)} is distinct from ${text(bound.incoming)} then
    ${again(bound.self)}
    ${again(bound.incoming)}
  end if;
end`)
}
