// Extended statistics: the new table gets its own, under a name of ours until the swap, and then under theirs. They say
// something when the new table was analyzed.

import { renderComment } from '../../../catalog/dump/attributes.ts'
import { readRows } from '../../../catalog/dump/reading.ts'
import { sql } from '../../../sql/sql.ts'
import { bare, type Bound } from './context.ts'
import { carried, type BoundItem } from './item.ts'

interface StatisticsRow {
  readonly plainName: string
  readonly name: string
  readonly schema: string
  readonly owner: string
  /** From the kinds on to ON …, without the table. */
  readonly what: string
  readonly target: number
  readonly comment: string | null
}

export async function readStatistics(bound: Bound): Promise<readonly BoundItem[]> {
  const rows = await readRows<StatisticsRow>(
    bound.reading,
    sql`
    with object as (
      select s.*, pg_get_statisticsobjdef(s.oid) as definition,
        format('CREATE STATISTICS %I.%I', n.nspname, s.stxname) as head,
        format(' FROM %s', ${bound.self}::text) as tail,
        n.nspname
      from pg_statistic_ext s
      join pg_namespace n on n.oid = s.stxnamespace
      where s.stxrelid = ${bound.row.oid}::oid
    )
    select stxname::text as "plainName",
      quote_ident(stxname) as name,
      quote_ident(nspname) as schema,
      quote_ident(pg_get_userbyid(stxowner)) as owner,
      substr(definition, length(head) + 1, length(definition) - length(head) - length(tail)) as what,
      coalesce(stxstattarget, -1)::int4 as target,
      obj_description(oid, 'pg_statistic_ext') as comment
    from object
    order by stxname collate "C"`,
  )
  return rows.map((row) => render(bound, row))
}

function render(bound: Bound, row: StatisticsRow): BoundItem {
  const name = `${row.schema}.${row.name}`
  const own = `${row.schema}.${bound.ownName('statistics', row.plainName)}`
  return carried(
    { kind: 'statistics', name, how: 'They are there again, under their name; ANALYZE fills them.' },
    {
      statements: {
        filled: [
          `create statistics if not exists ${own}${row.what} from ${bound.incoming}`,
          `alter statistics ${own} owner to ${row.owner}`,
          ...(row.target === -1 ? [] : [`alter statistics ${own} set statistics ${row.target}`]),
        ],
        adopt: [
          `alter statistics ${name} rename to ${bound.setAside(row.plainName)}`,
          `alter statistics ${own} rename to ${row.name}`,
          ...renderComment(bound.reading, `statistics ${name}`, row.comment).map(bare),
        ],
      },
    },
  )
}
