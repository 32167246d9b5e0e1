// Changes many rows of a live table in small committed batches, in the order of its key.
//
// Invariants: a batch and the note of how far it came (pgstrata.backfill) are committed together, so a kill repeats
// nothing and skips nothing; a batch holds its row locks for about `targetMs`; with `where`, rows that appeared
// behind the position are found by another sweep, and the backfill ends only when none is left.
// On failure: what was committed stays, and the next run goes on after it.

import { createHash } from 'node:crypto'
import { checkpoint, type Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { OnProgress } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { onlyRow, type Session } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { awaitReplicas, canSeeReplicas } from '../plan/index.ts'
import { parseSql } from '../sql/parse.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { changeBatch, type BackfillKey } from './backfill-batch.ts'

export interface BackfillSpec {
  /** ['plays'] or ['analytics', 'plays'] */
  readonly table: readonly string[]
  /** What stands after SET: sql`total = price * quantity` */
  readonly set: Sql
  /** Which rows still need it: sql`total is null`. Without it every row is changed once, in one sweep. */
  readonly where?: Sql
  /** Rows of a batch at the most; batches are smaller where rows are slow. */
  readonly batchRows?: number
  readonly maxReplicaLagMs?: number
  readonly maxReplicaLagBytes?: number
}

export interface BackfillReport {
  readonly rows: number
  readonly batches: number
}

export interface BackfillTools {
  /** Under this name the position is kept. */
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

const targetMs = 200
const firstBatchRows = 500
const smallestBatchRows = 10
const mostSweeps = 5
const triesPerBatch = 10

export async function runBackfill(session: Session, spec: BackfillSpec, tools: BackfillTools): Promise<BackfillReport> {
  if (spec.batchRows !== undefined && !(Number.isInteger(spec.batchRows) && spec.batchRows > 0))
    throw badBatch(spec.batchRows)
  // A position is kept as text, and must come back as the value it was.
  await session.query(sql.raw(`set extra_float_digits = 1; set datestyle = 'ISO'; set intervalstyle = 'postgres'`))
  const key = await readKey(session, spec.table)
  await refuseKeyChange(spec, key)
  let state = await openState(session, spec, key, tools.name)
  if (state.done) return { rows: state.rows, batches: 0 }
  // With `where`, how many rows that will be is not known.
  const total = spec.where === undefined ? await estimateRows(session, spec.table) : undefined
  const size = { now: Math.min(firstBatchRows, spec.batchRows ?? 5_000), most: spec.batchRows ?? 5_000 }
  if (!(await canSeeReplicas(session)))
    report(tools, state.rows, total, 'replicas are there, and this role may not see how far behind (grant pg_monitor)')
  let batches = 0
  for (let sweep = 1; ; sweep++) {
    for (;;) {
      checkpoint(tools.signal)
      await awaitReplicas(session, {
        code: 'BACKFILL_FAILED',
        ...throttleOf(spec),
        ...tools,
        onWait: (note) => report(tools, state.rows, total, note),
      })
      const batch = await runBatch(session, spec, key, state, size, tools)
      if (batch === undefined) break
      batches++
      state = { ...state, ...batch }
      report(tools, state.rows, total, sweep === 1 ? undefined : `sweep ${sweep}`)
    }
    if (!(await anyLeft(session, spec))) break
    if (sweep === mostSweeps) throw neverEnds(spec)
    state = { ...state, position: null }
  }
  await session.query(
    sql`update pgstrata.backfill set state = 'done', updated_at = clock_timestamp() where name = ${tools.name}`,
  )
  return { rows: state.rows, batches }
}

function throttleOf(spec: BackfillSpec): { maxLagBytes: number; maxLagMs: number; patienceMs: number } {
  return {
    maxLagBytes: spec.maxReplicaLagBytes ?? 64 * 1_024 ** 2,
    maxLagMs: spec.maxReplicaLagMs ?? 10_000,
    patienceMs: 30 * 60_000,
  }
}

function report(tools: BackfillTools, done: number, total: number | undefined, note: string | undefined): void {
  tools.onProgress?.({ label: tools.name, done, total, unit: 'rows', note })
}

/** The columns of the primary key, in its order: the way through the table. */
async function readKey(session: Session, table: readonly string[]): Promise<BackfillKey> {
  const name = quoteQualified(...table)
  const { rows } = await session.query<{ column: string; type: string }>(sql`
    select a.attname::text as column, format_type(a.atttypid, a.atttypmod) as type
    from pg_index i
    cross join unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = to_regclass(${name})
      and i.indisprimary
    order by k.place`)
  if (rows.length === 0) {
    throw new StrataError('BACKFILL_FAILED', {
      message: `Table ${name} cannot be backfilled`,
      expected: 'a table with a primary key, which says how far a backfill has come',
      got: 'no such table, or one without a primary key',
    })
  }
  return { columns: rows.map((row) => row.column), types: rows.map((row) => row.type) }
}

/** A row whose key changes moves behind or ahead of the position: it would be missed, or changed twice. */
async function refuseKeyChange(spec: BackfillSpec, key: BackfillKey): Promise<void> {
  const [update] = await parseSql(`update target set ${spec.set.text}`, { name: 'backfill' })
  const listed = (update?.node['targetList'] ?? []) as readonly { ResTarget?: { name?: string } }[]
  const targets = new Set(listed.map((target) => target.ResTarget?.name))
  const changed = key.columns.filter((column) => targets.has(column))
  if (changed.length === 0) return
  throw new StrataError('BACKFILL_FAILED', {
    message: `A backfill of ${quoteQualified(...spec.table)} may not change its key (${changed.join(', ')})`,
    advice: 'The key is how it knows how far it has come. Change keys in steps of your own.',
  })
}

interface State {
  readonly position: readonly string[] | null
  readonly rows: number
  readonly done: boolean
}

/** The state of this backfill; one of another text under the same name begins anew. */
async function openState(session: Session, spec: BackfillSpec, key: BackfillKey, name: string): Promise<State> {
  const fingerprint = createHash('sha256')
    .update(
      JSON.stringify([spec.table, spec.set, spec.where, key.columns], (_name, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    )
    .digest('hex')
  const answer = await session.query<{ position: string[] | null; rows: number; done: boolean }>(sql`
    insert into pgstrata.backfill as b (name, fingerprint)
    values (${name}, ${fingerprint})
    on conflict (name) do update
    set fingerprint = excluded.fingerprint,
      position = case when b.fingerprint = excluded.fingerprint then b.position end,
      rows_done = case when b.fingerprint = excluded.fingerprint then b.rows_done else 0 end,
      state = case when b.fingerprint = excluded.fingerprint then b.state else 'running' end
    returning position, rows_done::float8 as rows, state = 'done' as done`)
  return onlyRow(answer)
}

async function estimateRows(session: Session, table: readonly string[]): Promise<number | undefined> {
  const answer = await session.query<{ rows: number }>(
    sql`select reltuples::float8 as rows from pg_class where oid = to_regclass(${quoteQualified(...table)})`,
  )
  const { rows } = onlyRow(answer)
  return rows > 0 ? rows : undefined
}

/** undefined: the end of the table was reached. */
async function runBatch(
  session: Session,
  spec: BackfillSpec,
  key: BackfillKey,
  state: State,
  size: { now: number; readonly most: number },
  tools: BackfillTools,
): Promise<{ position: readonly string[]; rows: number } | undefined> {
  for (let attempt = 1; ; attempt++) {
    const begun = tools.clock.monotonic()
    const work = (tx: Session): ReturnType<typeof runBatch> =>
      takeBatch(tx, { spec, key, state, limit: size.now, name: tools.name })
    try {
      const batch = await transaction(session, work, {
        lockTimeoutMs: 1_000,
        clock: tools.clock,
        random: tools.random,
      })
      const tookMs = tools.clock.monotonic() - begun
      if (tookMs > 2 * targetMs) size.now = smaller(size.now)
      else if (tookMs < targetMs / 2) size.now = Math.min(size.most, size.now * 2)
      return batch
    } catch (error) {
      const slow = [sqlstate.lockNotAvailable, sqlstate.queryCanceled] as readonly (string | undefined)[]
      if (!slow.includes(sqlstateOf(error)) || attempt === triesPerBatch) throw error
      size.now = smaller(size.now)
      await tools.clock.sleep(100 * attempt, tools.signal)
    }
  }
}

interface Taking {
  readonly spec: BackfillSpec
  readonly key: BackfillKey
  readonly state: State
  readonly limit: number
  readonly name: string
}

/** Its rows, and how far that is. */
async function takeBatch(
  tx: Session,
  { spec, key, state, limit, name }: Taking,
): Promise<{ position: readonly string[]; rows: number } | undefined> {
  const batch = await changeBatch(tx, { ...spec, key, after: state.position, limit })
  if (batch === undefined) return undefined
  const rows = state.rows + batch.changed
  await tx.query(sql`
    update pgstrata.backfill
    set position = ${batch.position}, rows_done = ${rows}, updated_at = clock_timestamp()
    where name = ${name}`)
  return { position: batch.position, rows }
}

async function anyLeft(session: Session, spec: BackfillSpec): Promise<boolean> {
  if (spec.where === undefined) return false
  const { rows } = await session.query(sql`select from ${sql.ident(...spec.table)} where ${spec.where} limit 1`)
  return rows.length > 0
}

function neverEnds(spec: BackfillSpec): StrataError {
  return new StrataError('BACKFILL_FAILED', {
    message: `After ${mostSweeps} sweeps over ${quoteQualified(...spec.table)} there are still rows that match \`where\``,
    advice:
      'Either `set` does not make `where` false, or writers keep adding such rows: let a default or a trigger fill them first.',
  })
}

function smaller(batchRows: number): number {
  return Math.max(smallestBatchRows, Math.floor(batchRows / 2))
}

function badBatch(batchRows: number): StrataError {
  return new StrataError('VALUE_INVALID', {
    message: 'batchRows',
    expected: 'a whole number from 1',
    got: String(batchRows),
  })
}
