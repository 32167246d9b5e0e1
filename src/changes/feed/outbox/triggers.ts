// The triggers that note changes in pgstrata.outbox, in the transaction that makes them, and ring.
//
// What must be true: a note is there exactly if the change is. Statement triggers stand on every relation of a table's tree
// and fire on the one that a statement names, so each change is noted once, as the root's. Writers wait for nobody, and need no
// right on schema pgstrata. An update that changes a key is noted as the delete of the old and the insert of the new one: a
// statement trigger does not know which became which. Of a table without a primary key only that something changed is noted.
// Where the outbox has outgrown its cap, nothing is noted any more, and that is noted: whoever skips a note commits a row
// of pgstrata.outbox_full, or has seen one that is committed. A transaction whose snapshot is older than its statement
// commits one of its own, for what it sees may be gone. So no writer waits, and the outbox outgrows its cap by a statement at most.
// Not seen: what fires no trigger (rows that a subscription streams in; ATTACH, DETACH and DROP of partitions).
// The payload of the notification never differs, so a transaction rings once, however much it changed.

import { createHash } from 'node:crypto'
import { quoteIdent, quoteLiteral, quoteQualified } from '../../../sql/quote.ts'
import type { FeedTable } from '../wal/captured-tables.ts'

export const outboxChannel = 'pgstrata_outbox'
export const outboxTriggerPrefix = 'pgstrata_outbox_'
/** Begins the name of every function; behind it stands whose it is. */
export const outboxFunctionPrefix = 'outbox_note_'

/** Of the outbox without its index, where none is given. A note takes about 150 bytes. */
export const usualCapBytes: number = 1024 ** 3

const events = ['insert', 'update', 'delete', 'truncate'] as const
type NotedEvent = (typeof events)[number]

export interface NotedTable extends FeedTable {
  readonly capBytes: number
  readonly primaryKey: readonly string[] | undefined
}

/** Ends in what it is made of: functions of another form have another name. */
function functionOf(table: NotedTable, event: NotedEvent): string {
  const { schema, table: name, primaryKey, capBytes } = table
  const digest = createHash('sha256')
    .update(JSON.stringify([2, schema, name, primaryKey, capBytes]))
    .digest('hex')
  return `${outboxFunctionPrefix}${digest.slice(0, 16)}_${event}`
}

export function functionNames(table: NotedTable): readonly string[] {
  return events.map((event) => functionOf(table, event))
}

export function functionStatements(table: NotedTable): readonly string[] {
  return events.flatMap((event) => {
    const name = quoteQualified('pgstrata', functionOf(table, event))
    const body = ['begin', skipOver(table.capBytes), `  ${noteOf(table, event)};`, ring, '  return null;', 'end'].join(
      '\n',
    )
    return [
      [
        `create or replace function ${name}()`,
        'returns trigger',
        'language plpgsql',
        'security definer',
        "set search_path = ''",
        // The text of a key is the same whoever writes.
        ...(table.primaryKey === undefined ? [] : ["set datestyle = 'ISO'", "set timezone = 'UTC'"]),
        `as ${quoteLiteral(body)}`,
      ].join('\n'),
      `revoke all on function ${name}() from public`,
    ]
  })
}

const ring = `  if found then
    perform pg_catalog.pg_notify(${quoteLiteral(outboxChannel)}, '');
  end if;`

function skipOver(capBytes: number): string {
  return `  if pg_catalog.pg_relation_size('pgstrata.outbox') > ${Math.floor(capBytes)} then
    insert into pgstrata.outbox_full (xid)
    select pg_catalog.pg_current_xact_id()
    where not exists (
      select from pgstrata.outbox_full f
      where f.xid = pg_catalog.pg_current_xact_id()
        or pg_catalog.current_setting('transaction_isolation') = 'read committed');
${ring.replaceAll('\n', '\n  ').replace(/^/, '  ')}
    return null;
  end if;`
}

function noteOf({ schema, table, primaryKey }: NotedTable, event: NotedEvent): string {
  const into = 'insert into pgstrata.outbox (schema_name, table_name, kind, key)'
  const of = `${quoteLiteral(schema)}, ${quoteLiteral(table)}`
  if (event === 'truncate') return `${into} values (${of}, 'truncate', null)`
  if (primaryKey === undefined) {
    const rows = event === 'delete' ? 'old_rows' : 'new_rows'
    return `${into}\n  select ${of}, ${quoteLiteral(event)}, null\n  where exists (select from ${rows})`
  }
  const pairs = primaryKey.map((column) => `${quoteLiteral(column)}, ${quoteIdent(column)}::pg_catalog.text`)
  const key = `pg_catalog.jsonb_build_object(${pairs.join(', ')})`
  if (event !== 'update') {
    const rows = event === 'delete' ? 'old_rows' : 'new_rows'
    return `${into}\n  select ${of}, ${quoteLiteral(event)}, ${key}\n  from ${rows}`
  }
  return [
    into,
    `  select ${of}, case when o.key is null then 'insert' when n.key is null then 'delete' else 'update' end,`,
    '    coalesce(n.key, o.key)',
    `  from (select ${key} as key from old_rows) o`,
    `  full join (select ${key} as key from new_rows) n on n.key = o.key`,
    // What went makes room for what comes.
    '  order by n.key is not null',
  ].join('\n')
}

export interface NotedRelation {
  readonly schema: string
  readonly name: string
  readonly isLeaf: boolean
  /** Rows of the table that were packed: what comes here has moved, and nothing else. */
  readonly isLoose: boolean
}

/** SHARE ROW EXCLUSIVE: waits for all who write to it. TRUNCATE of a root fires those of its leaves. */
export function triggerStatements(table: NotedTable, relation: NotedRelation): readonly string[] {
  const on = quoteQualified(relation.schema, relation.name)
  return events
    .filter((event) => (event === 'truncate' ? relation.isLeaf : event !== 'insert' || !relation.isLoose))
    .flatMap((event) => {
      const name = quoteIdent(`${outboxTriggerPrefix}${event}`)
      const referencing = {
        insert: ['referencing new table as new_rows'],
        update: ['referencing old table as old_rows new table as new_rows'],
        delete: ['referencing old table as old_rows'],
        truncate: [],
      }[event]
      return [
        [
          `create or replace trigger ${name}`,
          `after ${event} on ${on}`,
          ...referencing,
          `for each statement execute function ${quoteQualified('pgstrata', functionOf(table, event))}()`,
        ].join('\n'),
        `alter table ${on} enable always trigger ${name}`,
      ]
    })
}

export function dropStatements(relation: Pick<NotedRelation, 'schema' | 'name'>): readonly string[] {
  const on = quoteQualified(relation.schema, relation.name)
  return events.map((event) => `drop trigger if exists ${quoteIdent(`${outboxTriggerPrefix}${event}`)} on ${on}`)
}
