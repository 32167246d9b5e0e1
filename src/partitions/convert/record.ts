// The row of a conversion in pgstrata.conversion: all that a runner needs to go on where another one ended.

import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import type { Look } from '../../plan/index.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { PartitionedTable } from '../options.ts'
import type { ConversionNames, NeededKey, Phase } from './bound/item.ts'
import { firstState, follow, isFinal, type Event, type LiveMethod, type State } from './states.ts'

/** What was read of the table when the conversion began. */
export interface TableFacts {
  readonly oid: number
  /** All columns but generated ones, in order. */
  readonly columns: readonly string[]
  /** Of the unique key that tells rows apart; none: the table has no such key. */
  readonly keyColumns: readonly string[]
  /** The partition key's columns, those of a split included. */
  readonly partitionColumns: readonly string[]
  /** Of these, the ones that may be null as far as the catalog says. */
  readonly nullable: readonly string[]
  /** As pg_type calls that of the layout's column: timestamptz, uuid, int8. */
  readonly columnType: string
  readonly rows: number
  readonly sizeBytes: number
  /** Relabelling: unique indexes to build, as they were missing when the conversion began. */
  readonly keys: readonly NeededKey[]
}

/** `until`: where a person wants the old table to end. */
export type DeclaredConversion = PartitionedTable & { readonly until?: string | undefined }

/** What will run, by phase. */
export type Scripts = Readonly<Record<Phase, readonly string[]>>

export interface ConversionRecord {
  readonly id: string
  readonly method: LiveMethod
  readonly state: State
  readonly request: 'run' | 'pause' | 'abort'
  readonly declared: DeclaredConversion
  readonly names: ConversionNames
  readonly facts: TableFacts
  readonly scripts: Scripts
  /** Relabelling: where the old table ends, as SQL writes it. */
  readonly until: string | null
  /** Statements of the state's own script that are done. */
  readonly statementsDone: number
  readonly inFlight: Look | null
  /** What takes back what was made, in the order in which it was made. */
  readonly undo: readonly string[]
  /** The next page to copy. */
  readonly position: number
  readonly blocks: number | null
  readonly filenode: number | null
  readonly rowsCopied: number
  readonly rowsSynced: number
  readonly failure: string | null
  readonly startedAt: string
  readonly updatedAt: string
  readonly finishedAt: string | null
  readonly oldDroppedAt: string | null
}

const columns = sql.raw(`id::text as id, method, state, request, declared, names, facts, scripts, until_bound as until,
      statements_done as "statementsDone", in_flight as "inFlight", undo, position::float8 as position,
      blocks::float8 as blocks, filenode::float8 as filenode, rows_copied::float8 as "rowsCopied",
      rows_synced::float8 as "rowsSynced", failure,
      to_json(started_at) #>> '{}' as "startedAt", to_json(updated_at) #>> '{}' as "updatedAt",
      to_json(finished_at) #>> '{}' as "finishedAt", to_json(old_dropped_at) #>> '{}' as "oldDroppedAt"`)

/** The one under way, else the newest. */
export async function findConversion(
  on: Queryable,
  table: { readonly schema: string; readonly table: string },
): Promise<ConversionRecord | undefined> {
  const present = await on.query(sql`select where to_regclass('pgstrata.conversion') is not null`)
  if (present.rows.length === 0) return undefined
  const { rows } = await on.query<ConversionRecord>(sql`
    select ${columns}
    from pgstrata.conversion
    where schema_name = ${table.schema}
      and table_name = ${table.table}
    order by finished_at is null desc, id desc
    limit 1`)
  return rows[0] === undefined ? undefined : complete(rows[0])
}

export async function readConversion(on: Queryable, id: string): Promise<ConversionRecord> {
  const { rows } = await on.query<ConversionRecord>(
    sql`select ${columns} from pgstrata.conversion where id = ${id}::int8`,
  )
  if (rows[0] === undefined) throw new StrataError('CONVERT_STATE', { message: `There is no conversion ${id}` })
  return complete(rows[0])
}

/** JSON knows no bigint. */
function complete(row: ConversionRecord): ConversionRecord {
  const { layout } = row.declared
  if (layout.kind !== 'id') return row
  return { ...row, declared: { ...row.declared, layout: { ...layout, step: BigInt(String(layout.step)) } } }
}

export interface NewConversion {
  readonly method: LiveMethod
  readonly declared: DeclaredConversion
  readonly names: ConversionNames
  readonly facts: TableFacts
  readonly scripts: Scripts
}

export async function insertConversion(on: Queryable, draft: NewConversion): Promise<string> {
  const declared = JSON.stringify(draft.declared, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  const { rows } = await on.query<{ id: string }>(sql`
    insert into pgstrata.conversion
      (schema_name, table_name, table_oid, method, state, declared, names, facts, scripts)
    values (${draft.names.schema}, ${draft.names.table}, ${draft.facts.oid}::oid, ${draft.method},
      ${firstState[draft.method]}, ${declared}::jsonb, ${JSON.stringify(draft.names)}::jsonb,
      ${JSON.stringify(draft.facts)}::jsonb, ${JSON.stringify(draft.scripts)}::jsonb)
    returning id::text as id`)
  return rows[0]?.id ?? ''
}

/** Further columns that change with the state. */
export interface Changes {
  readonly until?: string
  readonly scripts?: Scripts
  /** Appended. */
  readonly undo?: readonly string[]
  readonly evidence?: Readonly<Record<string, unknown>>
}

/** In the transaction that does the work. Refuses what the states do not allow, and a row that somebody else moved on. */
export async function advance(
  tx: Queryable,
  record: ConversionRecord,
  event: Event,
  changes: Changes = {},
): Promise<void> {
  const next = follow(record.method, record.state, event)
  if (next === null) {
    throw new StrataError('CONVERT_STATE', {
      message: `Conversion ${record.id} cannot go on`,
      got: `"${event}" in state "${record.state}"`,
    })
  }
  const sets: Sql[] = [
    sql`state = ${next}`,
    sql`statements_done = 0`,
    sql`in_flight = null`,
    sql`failure = null`,
    sql`updated_at = clock_timestamp()`,
  ]
  if (isFinal(next)) sets.push(sql`finished_at = clock_timestamp()`)
  if (event === 'anew') sets.push(sql`position = 0`, sql`blocks = null`, sql`filenode = null`, sql`rows_copied = 0`)
  if (changes.until !== undefined) sets.push(sql`until_bound = ${changes.until}`)
  if (changes.scripts !== undefined) sets.push(sql`scripts = ${JSON.stringify(changes.scripts)}::jsonb`)
  if (changes.undo !== undefined) sets.push(sql`undo = undo || ${changes.undo}::text[]`)
  if (changes.evidence !== undefined) sets.push(sql`evidence = ${JSON.stringify(changes.evidence)}::jsonb`)
  const { rowCount } = await tx.query(sql`
    update pgstrata.conversion
    set ${sql.join(sets)}
    where id = ${record.id}::int8
      and state = ${record.state}`)
  if (rowCount === 1) return
  throw new StrataError('CONVERT_BUSY', { message: `Conversion ${record.id} was moved on by another process` })
}

export async function appendUndo(tx: Queryable, record: ConversionRecord, undo: readonly string[]): Promise<void> {
  await tx.query(sql`update pgstrata.conversion set undo = undo || ${undo}::text[] where id = ${record.id}::int8`)
}

/** Text, so that it can share a message with what it records. */
export function progressText(record: ConversionRecord, statementsDone: number): string {
  return `update pgstrata.conversion set statements_done = ${statementsDone}, in_flight = null, updated_at = clock_timestamp() where id = ${record.id}`
}

export function intentText(record: ConversionRecord, statementsDone: number, before: Look): string {
  const look = sql.literal(JSON.stringify(before)).text
  return `update pgstrata.conversion set statements_done = ${statementsDone}, in_flight = ${look}::jsonb where id = ${record.id}`
}

export async function askFor(on: Queryable, id: string, request: ConversionRecord['request']): Promise<void> {
  await on.query(
    sql`update pgstrata.conversion set request = ${request} where id = ${id}::int8 and finished_at is null`,
  )
}

export async function noteFailure(on: Queryable, id: string, failure: string): Promise<void> {
  await on.query(sql`update pgstrata.conversion set failure = ${failure} where id = ${id}::int8`)
}

export async function noteOldDropped(on: Queryable, id: string): Promise<void> {
  await on.query(sql`update pgstrata.conversion set old_dropped_at = clock_timestamp() where id = ${id}::int8`)
}
