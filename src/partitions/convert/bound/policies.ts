// Row level security: the policies of the table, and those of other tables that look into it. The switch itself is
// the table's (columns.ts). Where the old table becomes a partition it keeps its own: they guard it when it is named.

import { renderComment } from '../../../catalog/dump/attributes.ts'
import { readPolicies as readPolicyDrafts } from '../../../catalog/dump/policies.ts'
import { readRows } from '../../../catalog/dump/reading.ts'
import { sql } from '../../../sql/sql.ts'
import { bare, type Bound } from './context.ts'
import { carried, type BoundItem } from './item.ts'

export async function readPolicies(bound: Bound): Promise<readonly BoundItem[]> {
  const own = await readPolicyDrafts(bound.reading)
  return [
    ...own
      .map(({ identity, statements }) =>
        carried(
          {
            kind: 'policy',
            name: identity.slice('policy '.length, -` on ${bound.self}`.length),
            how: 'It is made again in the swap.',
          },
          { statements: { adopt: statements.map(bare) } },
        ),
      )
      .toSorted((left, right) => (left.name < right.name ? -1 : 1)),
    ...(await readElsewhere(bound)),
  ]
}

interface PolicyRow {
  readonly name: string
  readonly table: string
  readonly using: string | null
  readonly check: string | null
  readonly comment: string | null
}

async function readElsewhere(bound: Bound): Promise<readonly BoundItem[]> {
  const oids = bound.dependents.filter(({ catalog }) => catalog === 'pg_policy').map(({ oid }) => oid)
  const rows = await readRows<PolicyRow>(
    bound.reading,
    sql`
    select quote_ident(p.polname) as name,
      format('%I.%I', n.nspname, c.relname) as table,
      pg_get_expr(p.polqual, p.polrelid) as using,
      pg_get_expr(p.polwithcheck, p.polrelid) as check,
      obj_description(p.oid, 'pg_policy') as comment
    from pg_policy p
    join pg_class c on c.oid = p.polrelid
    join pg_namespace n on n.oid = c.relnamespace
    where p.oid = any(${oids}::oid[])
    order by n.nspname, c.relname, p.polname`,
  )
  return rows.map((row) =>
    carried(
      {
        kind: 'policy elsewhere',
        name: `${row.name} on ${row.table}`,
        how: 'It looks into the table: its expressions are set again in the swap, from their own text.',
      },
      {
        before: [`lock table only ${row.table} in access exclusive mode`],
        statements: {
          adopt: [
            [
              `alter policy ${row.name} on ${row.table}`,
              ...(row.using === null ? [] : [`using (${row.using})`]),
              ...(row.check === null ? [] : [`with check (${row.check})`]),
            ].join('\n  '),
            ...renderComment(bound.reading, `policy ${row.name} on ${row.table}`, row.comment).map(bare),
          ],
        },
      },
    ),
  )
}
