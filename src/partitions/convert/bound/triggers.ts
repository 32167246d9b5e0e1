// Triggers of the table, and event triggers that see the conversion.
//
// Those of the new table are made in the swap, when it has its name and its partitions: row triggers are cloned to every
// leaf. The old table's go before, where it becomes a leaf itself: a clone would find its name taken.

import { renderComment } from '../../../catalog/dump/attributes.ts'
import { readRows } from '../../../catalog/dump/reading.ts'
import { sql } from '../../../sql/sql.ts'
import { bare, type Bound } from './context.ts'
import { carried, refused, type BoundItem } from './item.ts'

interface TriggerRow {
  readonly name: string
  readonly definition: string
  readonly enabled: string
  readonly forEachRow: boolean
  readonly hasTransitionTables: boolean
  /** Its function asks which table it runs on. */
  readonly asksForTable: boolean
  readonly comment: string | null
  /** Of a constraint trigger, whose constraint is another thing to comment on. */
  readonly constraintComment: string | null
}

/** `ignore`: names that begin so are a conversion's own. */
export async function readTriggers(bound: Bound, ignore: readonly string[]): Promise<readonly BoundItem[]> {
  const rows = await readRows<TriggerRow>(
    bound.reading,
    sql`
    select quote_ident(g.tgname) as name,
      pg_get_triggerdef(g.oid) as definition,
      g.tgenabled as enabled,
      g.tgtype::int4 & 1 = 1 as "forEachRow",
      coalesce(g.tgoldtable, g.tgnewtable) is not null as "hasTransitionTables",
      p.prosrc ~* 'tg_(table_name|table_schema|relname|relid)' as "asksForTable",
      obj_description(g.oid, 'pg_trigger') as comment,
      obj_description(nullif(g.tgconstraint, 0), 'pg_constraint') as "constraintComment"
    from pg_trigger g
    join pg_proc p on p.oid = g.tgfoid
    where g.tgrelid = ${bound.row.oid}::oid
      and not g.tgisinternal
      and not exists (
        select
        from unnest(${ignore}::text[]) prefix
        where starts_with(g.tgname::text, prefix)
      )
    order by g.tgname collate "C"`,
  )
  return rows.map((row) => render(bound, row))
}

const states: Readonly<Record<string, string>> = { D: 'disable', R: 'enable replica', A: 'enable always' }

function render(bound: Bound, row: TriggerRow): BoundItem {
  const told = { kind: 'trigger', name: row.name }
  if (row.forEachRow && row.hasTransitionTables) {
    return refused(
      { ...told, how: 'It is for each row and has transition tables: a partitioned table cannot have that.' },
      'Make it FOR EACH STATEMENT, or read the row alone.',
    )
  }
  const state = states[row.enabled]
  const note =
    row.forEachRow && row.asksForTable
      ? ' Its function asks for the name of its table, which is that of the partition then.'
      : ''
  return carried(
    { ...told, how: `It is made again in the swap.${note}` },
    {
      statements: {
        ...(bound.subject.method === 'relabel' ? { release: [`drop trigger ${row.name} on ${bound.self}`] } : {}),
        adopt: [
          row.definition,
          // Not ONLY: the clones too.
          ...(state === undefined ? [] : [`alter table ${bound.self} ${state} trigger ${row.name}`]),
          ...[
            ...renderComment(bound.reading, `trigger ${row.name} on ${bound.self}`, row.comment),
            ...renderComment(bound.reading, `constraint ${row.name} on ${bound.self}`, row.constraintComment),
          ].map(bare),
        ],
      },
    },
  )
}

export async function readEventTriggers(bound: Bound): Promise<readonly BoundItem[]> {
  const rows = await readRows<{ name: string; event: string }>(
    bound.reading,
    sql`
    select quote_ident(evtname) as name, evtevent::text as event
    from pg_event_trigger
    where evtenabled <> 'D'
      and evtevent in ('ddl_command_start', 'ddl_command_end', 'sql_drop', 'table_rewrite')
    order by evtname`,
  )
  return rows.map((row) =>
    carried({
      kind: 'event trigger',
      name: row.name,
      how: `It runs at ${row.event} of the conversion's statements; if it raises, the conversion stops.`,
    }),
  )
}
