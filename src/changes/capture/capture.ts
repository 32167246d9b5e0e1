// Triggers that note which rows of a plain table change, for as long as somebody builds something from it.
//
// What is noted is the key of every changed row, before and after the change, with the columns that say in which partition
// the row belongs: in an append-only logged table `pgstrata.capture_<id>`, by the transaction that makes the change, so that
// a note is there exactly if the change is. No value of a row is stored, and no note is ever updated.
//
// Installing takes SHARE ROW EXCLUSIVE for a moment. It waits for every transaction that wrote to the table, so a change
// is either visible to any snapshot taken after the install has committed, or it is noted.
//
// The triggers fire whatever session_replication_role says (ENABLE ALWAYS). Their functions belong to whoever installs
// them and run as that role, with an empty search_path and every name qualified: an apply worker has none, and the roles of an
// application need no privilege on schema pgstrata. What no trigger sees: rows that a subscription streams into a table with
// `level: 'statement'`, and whatever rewrites the table without firing triggers.

import { quoteIdent, quoteLiteral, quoteQualified } from '../../sql/quote.ts'

export interface Capture {
  /** Ends the name of all that belongs to it. */
  readonly id: string
  readonly schema: string
  readonly table: string
  /** What tells a row from every other, and where it belongs: the columns of a unique key, then those of the partition key. */
  readonly columns: readonly string[]
  /**
   * `statement`: one call for each statement on exactly this table. `row`: one for each row, which a partition needs, because
   * statement triggers fire on the table that a statement names, and rows reach a partition through its parent.
   */
  readonly level: 'statement' | 'row'
}

export interface CaptureStatements {
  /** Makes the log and the functions; disturbs nobody. */
  readonly prepare: readonly string[]
  /** Makes the triggers: SHARE ROW EXCLUSIVE on the table. */
  readonly install: readonly string[]
  /** Takes the triggers away: ACCESS EXCLUSIVE on the table. */
  readonly uninstall: readonly string[]
  /** Takes away the functions and the log. */
  readonly remove: readonly string[]
}

const events = ['insert', 'update', 'delete', 'truncate'] as const
type CapturedEvent = (typeof events)[number]

/** Begins the name of every trigger that a capture installs. */
export const captureTriggerPrefix = 'pgstrata_capture_'

/** The table with the notes, quoted. */
export function logOf(capture: Pick<Capture, 'id'>): string {
  return quoteQualified('pgstrata', `capture_${capture.id}`)
}

/** A row for each TRUNCATE, quoted. */
export function truncationsOf(capture: Pick<Capture, 'id'>): string {
  return quoteQualified('pgstrata', `capture_${capture.id}_truncation`)
}

/** How a column of the key is called in the log. */
export function logColumn(index: number): string {
  return `k${index}`
}

export function captureStatements(capture: Capture): CaptureStatements {
  const table = quoteQualified(capture.schema, capture.table)
  const picked = capture.columns.map((column, index) => `${quoteIdent(column)} as ${logColumn(index)}`)
  return {
    prepare: [
      // From a query, so that types, domains and collations are those of the columns.
      `create table ${logOf(capture)}\nwith (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)\nas select ${picked.join(', ')}\nfrom only ${table}\nwith no data`,
      `comment on table ${logOf(capture)} is ${quoteLiteral(`Keys of rows of ${table} that changed and are still to be carried over.`)}`,
      `create table ${truncationsOf(capture)} (noted_at timestamptz not null default clock_timestamp())`,
      ...events.flatMap((event) => functionOf(capture, event)),
    ],
    install: events.flatMap((event) => triggerOf(capture, event, table)),
    uninstall: events.map((event) => `drop trigger if exists ${triggerName(capture, event)} on ${table}`),
    remove: [
      ...events.map((event) => `drop function if exists ${functionName(capture, event)}()`),
      `drop table if exists ${logOf(capture)}`,
      `drop table if exists ${truncationsOf(capture)}`,
    ],
  }
}

function triggerName(capture: Capture, event: CapturedEvent): string {
  return quoteIdent(`${captureTriggerPrefix}${capture.id}_${event}`)
}

function functionName(capture: Capture, event: CapturedEvent): string {
  return quoteQualified('pgstrata', `capture_${capture.id}_${event}`)
}

function functionOf(capture: Capture, event: CapturedEvent): readonly string[] {
  const name = functionName(capture, event)
  const body = event === 'truncate' ? `insert into ${truncationsOf(capture)} default values;` : noteOf(capture, event)
  return [
    `create function ${name}()\nreturns trigger\nlanguage plpgsql\nsecurity definer\nset search_path = ''\nas ${quoteLiteral(`begin\n  ${body}\n  return null;\nend`)}`,
    `revoke all on function ${name}() from public`,
  ]
}

/** An INSERT from an empty transition table ends at its first row and writes nothing: asking first would cost each full one. */
function noteOf(capture: Capture, event: Exclude<CapturedEvent, 'truncate'>): string {
  const into = `insert into ${logOf(capture)} (${capture.columns.map((_, index) => logColumn(index)).join(', ')})`
  const keyOf = (row: string): string =>
    capture.columns.map((column) => (row === '' ? quoteIdent(column) : `${row}.${quoteIdent(column)}`)).join(', ')
  if (capture.level === 'row') {
    const one = (row: string): string => `select ${keyOf(row)}`
    if (event !== 'update') return `${into} ${one(event === 'insert' ? 'new' : 'old')};`
    // Not by `is distinct from`: with no search_path a type that an extension made has no `=`.
    return `${into} ${one('old')} union ${one('new')};`
  }
  const select = (rows: string): string => `select ${keyOf('')} from ${rows}`
  if (event !== 'update') return `${into} ${select(event === 'insert' ? 'new_rows' : 'old_rows')};`
  return `${into} ${select('old_rows')} union ${select('new_rows')};`
}

function triggerOf(capture: Capture, event: CapturedEvent, table: string): readonly string[] {
  const referencing = {
    insert: 'referencing new table as new_rows',
    update: 'referencing old table as old_rows new table as new_rows',
    delete: 'referencing old table as old_rows',
    truncate: '',
  }[event]
  const byRow = capture.level === 'row' && event !== 'truncate'
  const name = triggerName(capture, event)
  return [
    [
      `create trigger ${name}`,
      `after ${event} on ${table}`,
      ...(byRow || referencing === '' ? [] : [referencing]),
      `for each ${byRow ? 'row' : 'statement'}`,
      `execute function ${functionName(capture, event)}()`,
    ].join('\n'),
    `alter table ${table} enable always trigger ${name}`,
  ]
}
