// What writes to a source as a replica does: the worker of a subscription, and sessions in session_replication_role = replica.
// Plain triggers are silent for both; for the worker statement triggers are silent altogether, those of its first copy apart
// (measured on 15 and 18).
//
// What holds: each change is noted once, by the plain statement triggers or by these, for a trigger is either ENABLE REPLICA
// or plain. One row trigger stands on the source; Postgres clones it to every partition, those that come later included,
// before a row is in them. The old row is the one that was here, whatever the publisher's replica identity sends of it.
// TRUNCATE fires its triggers for both, so they are ENABLE ALWAYS.
//
// A row costs a statement for each rollup, and a delta; whoever copies much at first declares `subscriber` afterwards.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { statementBody, triggerFunction } from './capture.ts'
import type { Relation, Source, Rollup } from '../model/options.ts'
import { functionOf, triggerOf } from '../model/names.ts'
import type { Shape } from '../model/shape.ts'

/** One that says so is enough: all rollups of a source share its triggers. */
export function isSubscriber(rollups: readonly Rollup[]): boolean {
  return rollups.some(({ subscriber }) => subscriber === true)
}

const row = quoteIdent(triggerOf('row'))
const oneRow = { added: '(select new.*) as new_rows', removed: '(select old.*) as old_rows' } as const

/** As captureFunctions() has it: the function, and that nobody else may call it. */
export function replicaFunction(source: Source, shapes: readonly Shape[]): readonly string[] {
  const of = (event: 'insert' | 'update' | 'delete'): string => statementBody(shapes, event, oneRow)
  const body = [
    `  if tg_op = 'INSERT' then`,
    of('insert'),
    `  elsif tg_op = 'DELETE' then`,
    of('delete'),
    '  else',
    of('update'),
    '  end if;',
  ].join('\n')
  return triggerFunction(functionOf(source, 'row'), 'row', body)
}

/** On the source, and so on all below it. CREATE OR REPLACE makes it a plain one again, for the same transaction only. */
export function replicaTrigger(source: Source): readonly string[] {
  const table = quoteQualified(source.schema, source.table)
  return [
    `create or replace trigger ${row}\nafter insert or update or delete on ${table}\nfor each row execute function ${functionOf(source, 'row')}()`,
    `alter table ${table} enable replica trigger ${row}`,
  ]
}

/** Behind captureTriggers(), which makes them plain. */
export function replicaTruncate({ name }: Relation): readonly string[] {
  return [`alter table ${name} enable always trigger ${quoteIdent(triggerOf('truncate'))}`]
}

/** With its clones. */
export function dropReplicaTrigger(source: Source): readonly string[] {
  return [
    `drop trigger if exists ${row} on ${quoteQualified(source.schema, source.table)}`,
    `drop function if exists ${functionOf(source, 'row')}()`,
  ]
}
