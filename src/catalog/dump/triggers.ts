// Triggers, and event triggers. The trigger of a partition that came from its parent's is made by the parent's; it is
// an object only where it was switched to another state.

import { quoteLiteral } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, renderComment, type AttributeRow } from './attributes.ts'
import { tableIdentity } from './indexes.ts'
import { addressOf, type Draft } from './object.ts'
import { definition, inSchemas, named, notOfExtension, ofRelation, readRows, type Reading } from './reading.ts'

interface TriggerRow {
  readonly oid: number
  readonly name: string
  readonly table: string
  readonly relkind: string
  readonly definition: string | null
  readonly enabled: string
  readonly fromParent: boolean
  readonly comment: string | null
  /** Of the constraint that a constraint trigger is as well. */
  readonly constraintComment: string | null
}

interface EventTriggerRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly event: string
  readonly tags: readonly string[] | null
  readonly function: string
  readonly enabled: string
}

export async function readTriggers(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<TriggerRow>(reading, triggerQuery(reading))
  return rows.map((row) => renderTrigger(reading, row))
}

export async function readEventTriggers(reading: Reading): Promise<Draft[]> {
  if (!reading.whole) return []
  const rows = await readRows<EventTriggerRow>(reading, eventTriggerQuery(reading))
  return rows.map((row) => renderEventTrigger(reading, row))
}

function triggerQuery(reading: Reading): Sql {
  return sql`
    select g.oid,
      quote_ident(g.tgname) as name,
      format('%I.%I', n.nspname, c.relname) as table,
      c.relkind,
      pg_get_triggerdef(g.oid) as definition,
      g.tgenabled as enabled,
      g.tgparentid <> 0 as "fromParent",
      obj_description(g.oid, 'pg_trigger') as comment,
      obj_description(g.tgconstraint, 'pg_constraint') as "constraintComment"
    from pg_trigger g
    join pg_class c on c.oid = g.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
    where ${inSchemas(reading, 'c.relnamespace')}
      and ${ofRelation(reading, 'g.tgrelid')}
      and not g.tgisinternal
      and (g.tgparentid = 0 or g.tgenabled <> 'O')
      and ${notOfExtension('pg_class', 'c.oid')}
      and ${notOfExtension('pg_trigger', 'g.oid')}`
}

const states: Readonly<Record<string, string>> = { D: 'disable', R: 'enable replica', A: 'enable always' }

function renderTrigger(reading: Reading, row: TriggerRow): Draft {
  const state = states[row.enabled]
  return {
    kind: 'trigger',
    identity: `trigger ${row.name} on ${row.table}`,
    parent: tableIdentity(row.relkind, row.table),
    statements: [
      ...(row.fromParent ? [] : [`${definition(row.definition, `The trigger ${row.name} of ${row.table}`)};`]),
      ...(state === undefined ? [] : [`alter table only ${row.table} ${state} trigger ${row.name};`]),
      ...renderComment(reading, `trigger ${row.name} on ${row.table}`, row.comment),
      ...renderComment(reading, `constraint ${row.name} on ${row.table}`, row.constraintComment),
    ],
    addresses: [addressOf('pg_trigger', row.oid)],
  }
}

function eventTriggerQuery(reading: Reading): Sql {
  return sql`
    select e.oid,
      quote_ident(e.evtname) as name,
      e.evtevent::text as event,
      e.evttags as tags,
      e.evtfoid::regproc::text as function,
      e.evtenabled as enabled,
      ${attributeColumns({ catalog: 'pg_event_trigger', oid: 'e.oid', owner: 'e.evtowner' })}
    from pg_event_trigger e
    where ${named(reading, 'e.evtname')}
      and ${notOfExtension('pg_event_trigger', 'e.oid')}`
}

function renderEventTrigger(reading: Reading, row: EventTriggerRow): Draft {
  const tags = row.tags === null ? '' : `\n  when tag in (${row.tags.map(quoteLiteral).join(', ')})`
  const state = states[row.enabled]
  const attributes = renderAttributes(reading, { noun: 'event trigger', name: row.name }, row)
  return {
    kind: 'event-trigger',
    identity: `event-trigger ${row.name}`,
    statements: [
      `create event trigger ${row.name} on ${row.event}${tags}\n  execute function ${row.function}();`,
      ...(state === undefined ? [] : [`alter event trigger ${row.name} ${state};`]),
      ...attributes.statements,
    ],
    roles: attributes.roles,
    addresses: [addressOf('pg_event_trigger', row.oid)],
  }
}
