// The triggers that note what a statement does to the rollups of a table, in the transaction that does it.
//
// What holds: a delta is there exactly if the change is, and of each change once: statement triggers stand on every relation
// of the tree and fire on the one that the statement names. Deltas are only appended, under no unique key, so writers wait
// for nobody. A packed row that is to be changed becomes a loose one first, which is no change; of loose rows updates and deletes
// are noted. The roles of an application need no right on anything of a rollup, and nothing they have set, made or put into
// their search_path changes what is noted: names of a transition table come before all relations, pg_temp after all types.
// Nobody may call the functions, or hang them on tables of their own.
//
// Not noted: what fires no such triggers (ATTACH and DETACH of partitions with rows; and, where no rollup says `subscriber`, what
// replica-triggers.ts is about). Verifying shows it, and repairs it.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { captureEvents, functionOf, triggerOf, type CaptureEvent, type CaptureFunction } from '../model/names.ts'
import type { Relation, Source } from '../model/options.ts'
import type { Shape } from '../model/shape.ts'
import { anyLeft, appendDelta, contributionOf, outputSettings, sumOf } from '../model/statements.ts'
import { appendValues, countValues, sumValues, valuesIn } from '../model/values-statements.ts'
import type { ValuesMeasure } from '../model/values.ts'

/** `create or replace`, one for each event; the rollups are all that stand on the source. */
export function captureFunctions(source: Source, shapes: readonly Shape[]): readonly string[] {
  return captureEvents.flatMap((event) => {
    const name = functionOf(source, event)
    const body = event === 'truncate' ? truncateBody(source, shapes) : statementBody(shapes, event)
    return triggerFunction(name, event, body)
  })
}

/** And that nobody else may call it. */
export function triggerFunction(name: string, event: CaptureFunction, body: string): readonly [string, string] {
  return [
    [
      `create or replace function ${name}()`,
      'returns trigger',
      'language plpgsql',
      'security definer',
      ...settingsFor(event, body).map((setting) => `set ${setting}`),
      `as ${quoteLiteral(`#variable_conflict use_column\nbegin\n${body}\n  return null;\nend`)}`,
    ].join('\n'),
    `revoke all on function ${name}() from public`,
  ]
}

/** The first costs every statement about 10 µs, each further one 3: those that few expressions need stand only where one does. */
function settingsFor(event: CaptureFunction, body: string): readonly string[] {
  return [
    'search_path = pg_catalog, pg_temp',
    ...(body.includes('\\') ? ['standard_conforming_strings = on'] : []),
    ...(castToText.test(body) ? outputSettings : []),
    // A policy that hides rows from the owner would leave them in the rollup: an error instead.
    ...(event === 'truncate' ? ['row_security = off'] : []),
  ]
}

/** Of something else than a literal, or to a type of somebody's own. */
const castToText = /(?<!')::(text|character|bpchar|name|json|xml|"|(?!pg_catalog\.)\w+\.)/

type WriteEvent = Exclude<CaptureEvent, 'truncate'>

/** What a statement changes, as SQL names it behind `from`. */
interface ChangedRows {
  readonly added: string
  readonly removed: string
}

const transitionTables: ChangedRows = { added: 'new_rows', removed: 'old_rows' }

export function statementBody(
  shapes: readonly Shape[],
  event: WriteEvent,
  rows: ChangedRows = transitionTables,
): string {
  const statements = shapes.flatMap((shape) => [
    appendDelta(shape, changeOf(shape, event, rows)),
    ...valuesIn(shape).map((measure) => appendValues(shape, measure, valuesChangeOf(shape, measure, event, rows))),
  ])
  // Not indented: a literal may hold a line break.
  return statements.map((statement) => `${statement};`).join('\n')
}

function changeOf(shape: Shape, event: WriteEvent, rows: ChangedRows): string {
  const added = contributionOf(shape, { from: rows.added, sign: 1 })
  const removed = contributionOf(shape, { from: rows.removed, sign: -1 })
  if (event === 'insert') return added
  if (event === 'delete') return removed
  return sumOf(shape, { from: `(\n${added}\nunion all\n${removed}\n) as change`, having: anyLeft(shape) })
}

function valuesChangeOf(shape: Shape, measure: ValuesMeasure, event: WriteEvent, rows: ChangedRows): string {
  const added = countValues(shape, measure, { from: rows.added, sign: 1 })
  const removed = countValues(shape, measure, { from: rows.removed, sign: -1 })
  if (event === 'insert') return added
  if (event === 'delete') return removed
  return sumValues(shape, { from: `(\n${added}\nunion all\n${removed}\n) as change` })
}

/**
 * There is no transition table: what is there is subtracted before it goes, under the lock that TRUNCATE has by now. A
 * snapshot from before that lock may lack rows that go with the rest.
 *
 * TRUNCATE fires on every relation that it empties. Each leaf subtracts its own rows; those of a leaf without a trigger (a
 * partition that came a moment ago) the nearest relation above it that has one.
 */
function truncateBody(source: Source, shapes: readonly Shape[]): string {
  // No expression holds a NUL.
  const appended = shapes.flatMap((shape) => [
    appendDelta(shape, contributionOf(shape, { from: '\0', sign: -1 })),
    ...valuesIn(shape).map((measure) =>
      appendValues(shape, measure, countValues(shape, measure, { from: '\0', sign: -1 })),
    ),
  ])
  const statements = appended.map((statement) => {
    const [before = '', behind = ''] = statement.split('\0')
    return `    execute ${quoteLiteral(`${before}only `)} || emptied || ${quoteLiteral(behind)};`
  })
  return [
    `  if pg_catalog.current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'TRUNCATE of % under % would leave its rollups wrong', tg_relid::pg_catalog.regclass,
      pg_catalog.current_setting('transaction_isolation')
      using errcode = 'feature_not_supported', hint = 'Truncate it in a READ COMMITTED transaction, or delete its rows.';
  end if;`,
    `  declare
    emptied pg_catalog.text;
  begin
  for emptied in
    select leaf.relid::pg_catalog.text
    from pg_catalog.pg_partition_tree(tg_relid) as leaf
    cross join lateral (
      select above.relid
      from pg_catalog.pg_partition_ancestors(leaf.relid) with ordinality as above (relid, place)
      join pg_catalog.pg_trigger as t on t.tgrelid = above.relid
      where t.tgfoid = ${quoteLiteral(`${functionOf(source, 'truncate')}()`)}::pg_catalog.regprocedure
      order by above.place
      limit 1
    ) as nearest
    where leaf.isleaf
      and nearest.relid = tg_relid
    union all
    select tg_relid::pg_catalog.regclass::pg_catalog.text
    where not exists (select from pg_catalog.pg_partition_tree(tg_relid))
  loop`,
    ...statements,
    '  end loop;\n  end;',
  ].join('\n')
}

/** SHARE ROW EXCLUSIVE on the relation: waits for all who write to it, as a backfill behind it needs. */
export function captureTriggers(source: Source, relation: Relation): readonly string[] {
  return (relation.events ?? captureEvents).map((event) => {
    const referencing = { insert: newRows, update: `${oldRows} ${newRows}`, delete: oldRows, truncate: '' }[event]
    return [
      `create or replace trigger ${quoteIdent(triggerOf(event))}`,
      `${event === 'truncate' ? 'before' : 'after'} ${event} on ${relation.name}`,
      ...(referencing === '' ? [] : [`referencing ${referencing}`]),
      `for each statement execute function ${functionOf(source, event)}()`,
    ].join('\n')
  })
}

const newRows = 'new table as new_rows'
const oldRows = 'old table as old_rows'

export function dropTriggers(relation: Relation): readonly string[] {
  return captureEvents.map((event) => `drop trigger if exists ${quoteIdent(triggerOf(event))} on ${relation.name}`)
}
