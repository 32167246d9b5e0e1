// The table that is counted: whether triggers see all that happens to it, and whether what they count may be shown.

import { onlyRow, type Queryable } from '../../db/db.ts'
import { neverNull } from '../../db/not-null.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { refuse } from './check.ts'
import type { Rollup } from '../model/options.ts'

export interface ColumnFacts {
  readonly name: string
  /** As pg_type calls it. */
  readonly type: string
  readonly notNull: boolean
  readonly virtual: boolean
}

export async function inspectTable(
  session: Queryable,
  rollup: Rollup,
  /** Whoever only looks need not be its owner. */
  { asOwner = true }: { readonly asOwner?: boolean } = {},
): Promise<readonly ColumnFacts[]> {
  await requireTable(session, rollup, asOwner)
  await requireZone(session, rollup)
  const { rows } = await session.query<ColumnFacts>(sql`
    select a.attname::text as name, t.typname::text as type, ${neverNull('a')} as "notNull", a.attgenerated = 'v' as virtual
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_type t on t.oid = a.atttypid
    where n.nspname = ${rollup.schema}
      and c.relname = ${rollup.table}
      and a.attnum > 0
      and not a.attisdropped
    order by a.attnum`)
  return rows
}

interface TableFacts {
  readonly isPart: boolean
  readonly hasHeirs: boolean
  readonly policies: boolean
  readonly fleeting: boolean
  readonly foreign: boolean
  readonly owned: boolean
  readonly owner: string
}

async function requireTable(session: Queryable, rollup: Rollup, asOwner: boolean): Promise<void> {
  const { schema, table, rowSecurity } = rollup
  const name = quoteQualified(schema, table)
  const { rows } = await session.query<TableFacts>(sql`
    select exists (select from pg_inherits i where i.inhrelid = c.oid) as "isPart",
      c.relkind = 'r' and exists (select from pg_inherits i where i.inhparent = c.oid) as "hasHeirs",
      c.relrowsecurity as policies, part.fleeting or c.relpersistence <> 'p' as fleeting, part.foreign as foreign,
      pg_has_role(current_user, c.relowner, 'usage') as owned, c.relowner::regrole::text as owner
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
      select coalesce(bool_or(p.relpersistence <> 'p'), false) as fleeting, coalesce(bool_or(p.relkind = 'f'), false) as foreign
      from pg_partition_tree(c.oid) t
      join pg_class p on p.oid = t.relid
    ) as part
    where n.nspname = ${schema}
      and c.relname = ${table}
      and c.relkind in ('r', 'p')`)
  const [facts] = rows
  if (facts === undefined) {
    throw refuse(rollup, `there is no table ${name}`, { advice: 'Create it in a migration, or mend `from`.' })
  }
  if (facts.isPart) {
    const advice = 'Declare it on the table that the partitions belong to.'
    throw refuse(rollup, `${name} is part of another table, and what is written there would not be noticed`, { advice })
  }
  if (facts.hasHeirs) {
    const advice = 'Make partitions of them.'
    throw refuse(rollup, `tables inherit from ${name}, and what is written there would not be noticed`, { advice })
  }
  if (facts.fleeting) {
    throw refuse(rollup, `${name} is emptied by a crash, and the rollup is not`, {
      advice: `alter table ${name} set logged (each partition that is not, too)`,
    })
  }
  if (facts.foreign) {
    const advice = 'Leave foreign tables out of it, and read them beside it in a view.'
    throw refuse(rollup, `${name} has foreign partitions, which statements cannot reach once triggers note rows`, {
      advice,
    })
  }
  if (facts.policies && rowSecurity === 'refuse') {
    throw refuse(rollup, `${name} has row security, and a rollup shows of all rows what policies hide`, {
      advice: `Say \`rowSecurity: 'ignore'\` where the numbers are for everybody who may select from the table.`,
    })
  }
  if (asOwner && !facts.owned) {
    throw refuse(rollup, `${name} belongs to another role`, {
      expected: `to act as ${facts.owner}`,
      advice: 'Apply it as the owner.',
    })
  }
}

/** Asked by its name alone: the server would also take many a slip of the pen for a zone of its own ('Europe/Berlin2'). */
async function requireZone(session: Queryable, rollup: Rollup): Promise<void> {
  const zone = rollup.bucket?.zone ?? 'UTC'
  if (zone === 'UTC') return
  const { known } = onlyRow(
    await session.query<{ known: boolean }>(
      sql`select exists (select from pg_timezone_names where name = ${zone}) as known`,
    ),
  )
  if (!known) throw refuse(rollup, `there is no time zone "${zone}"`, { expected: `a name such as 'Europe/Berlin'` })
}
