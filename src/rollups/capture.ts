// The triggers that note what a statement does to the rollups of a table, in the transaction that does it.
//
// What holds: a delta is there exactly if the change is, and of each change once: statement triggers stand on every relation
// of the tree and fire on the one that the statement names. Deltas are only appended, under no unique key, so writers wait
// for nobody. The roles of an application need no right on anything of a rollup, and nothing they have set, made or put into
// their search_path changes what is noted: names of a transition table come before all relations, pg_temp after all types.
// Nobody may call the functions, or hang them on tables of their own.
//
// Not noted: what fires no such triggers (session_replication_role = replica, rows that a subscription streams in, ATTACH
// and DETACH of partitions with rows). Verifying shows it, and repairs it.

import { quoteIdent, quoteLiteral } from '../sql/quote.ts'
import { captureEvents, functionOf, triggerOf, type CaptureEvent } from './names.ts'
import type { Shape } from './shape.ts'
import { anyLeft, appendDelta, contributionOf, sumOf } from './statements.ts'
import { appendValues, countValues, sumValues, valuesIn } from './values-statements.ts'
import type { ValuesMeasure } from './values.ts'

export interface Source {
  readonly schema: string
  readonly table: string
}

export interface Relation {
  /** As SQL writes it. */
  readonly name: string
  /** It holds rows: a plain table or a leaf. */
  readonly leaf: boolean
}

/** By which numbers and bytes become text, in casts that Postgres takes for immutable. */
export const outputSettings: readonly string[] = ['extra_float_digits = 1', "bytea_output = 'hex'"]

/** `create or replace`, one for each event; the rollups are all that stand on the source. */
export function captureFunctions(source: Source, shapes: readonly Shape[]): readonly string[] {
  return captureEvents.flatMap((event) => {
    const name = functionOf(source, event)
    const body = event === 'truncate' ? truncateBody(shapes) : statementBody(shapes, event)
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
  })
}

/** The first costs every statement about 10 µs, each further one 3: those that few expressions need stand only where one does. */
function settingsFor(event: CaptureEvent, body: string): readonly string[] {
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

function statementBody(shapes: readonly Shape[], event: Exclude<CaptureEvent, 'truncate'>): string {
  const statements = shapes.flatMap((shape) => [
    appendDelta(shape, changeOf(shape, event)),
    ...valuesIn(shape).map((measure) => appendValues(shape, measure, valuesChangeOf(shape, measure, event))),
  ])
  return statements.map((statement) => `  ${statement.replaceAll('\n', '\n  ')};`).join('\n')
}

function changeOf(shape: Shape, event: Exclude<CaptureEvent, 'truncate'>): string {
  const added = contributionOf(shape, { from: 'new_rows', sign: 1 })
  const removed = contributionOf(shape, { from: 'old_rows', sign: -1 })
  if (event === 'insert') return added
  if (event === 'delete') return removed
  return sumOf(shape, { from: `(\n${added}\nunion all\n${removed}\n) as change`, having: anyLeft(shape) })
}

function valuesChangeOf(shape: Shape, measure: ValuesMeasure, event: Exclude<CaptureEvent, 'truncate'>): string {
  const added = countValues(shape, measure, { from: 'new_rows', sign: 1 })
  const removed = countValues(shape, measure, { from: 'old_rows', sign: -1 })
  if (event === 'insert') return added
  if (event === 'delete') return removed
  return sumValues(shape, { from: `(\n${added}\nunion all\n${removed}\n) as change` })
}

/**
 * There is no transition table: what is there is subtracted before it goes, under the lock that TRUNCATE has by now. A
 * snapshot from before that lock may lack rows that go with the rest.
 */
function truncateBody(shapes: readonly Shape[]): string {
  // No expression holds a NUL.
  const appended = shapes.flatMap((shape) => [
    appendDelta(shape, contributionOf(shape, { from: '\0', sign: -1 })),
    ...valuesIn(shape).map((measure) =>
      appendValues(shape, measure, countValues(shape, measure, { from: '\0', sign: -1 })),
    ),
  ])
  const statements = appended.map((statement) => {
    const [before = '', behind = ''] = statement.split('\0')
    return `  execute ${quoteLiteral(`${before}only `)} || tg_relid::pg_catalog.regclass::pg_catalog.text || ${quoteLiteral(behind)};`
  })
  return [
    `  if pg_catalog.current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'TRUNCATE of % under % would leave its rollups wrong', tg_relid::pg_catalog.regclass,
      pg_catalog.current_setting('transaction_isolation')
      using errcode = 'feature_not_supported', hint = 'Truncate it in a READ COMMITTED transaction, or delete its rows.';
  end if;`,
    ...statements,
  ].join('\n')
}

/** SHARE ROW EXCLUSIVE on the relation: waits for all who write to it, as a backfill behind it needs. */
export function captureTriggers(source: Source, relation: Relation): readonly string[] {
  return captureEvents
    .filter((event) => event !== 'truncate' || relation.leaf)
    .map((event) => {
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
