// Relabelling: the old table becomes the first partition, from MINVALUE to a bound in the future, without a row being moved or
// read under a lock that stops anybody.
//
// Invariants: the swap attaches the old table only below a bound that a validated CHECK has vouched for, so that Postgres looks at no
// row; the bound lies in the future at the swap, and the partitions that follow are there. From the CHECK on, until the swap,
// rows at or beyond the bound are refused by it (23514).

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import type { PartitionedTable } from '../options.ts'
import { leafSettings, notNullNeeded } from './bound/item.ts'
import { ownPrefix } from './bound/names.ts'
import { momentOf, planUntil, type Until } from './extent.ts'
import { advance, appendUndo, type ConversionRecord, type DeclaredConversion, type TableFacts } from './record.ts'
import { inTransaction, refresh, type ConversionRun } from './run-context.ts'
import { runStatements } from './script-steps.ts'
import { readItems, requireCarried } from './scripts.ts'

/** Validating reads the table once: assumed at 20 MB/s, twice, and an hour for people. */
const readBytesPerMs = 20 * 1_024 * 1.024
const leastRoomMs = 3_600_000

function roomMs(facts: TableFacts): number {
  return leastRoomMs + (2 * facts.sizeBytes) / readBytesPerMs
}

export function boundConstraint({ id }: Pick<ConversionRecord, 'id'>): string {
  return `${ownPrefix}${id}_bound`
}

/** The unique indexes that the old table needs, each built CONCURRENTLY. */
export async function keyStep(run: ConversionRun): Promise<void> {
  const { keys } = run.record.facts
  if (run.record.undo.length === 0 && keys.length > 0) {
    await inTransaction(run, {}, (tx) =>
      appendUndo(
        tx,
        run.record,
        keys.map((key) => key.drop),
      ),
    )
    await refresh(run)
  }
  await runStatements(
    run,
    keys.map((key) => key.create),
  )
  await inTransaction(run, {}, (tx) => advance(tx, run.record, 'completed'))
  await refresh(run)
}

/** Decides on the bound, and has the table refuse what lies beyond. */
export async function checkStep(run: ConversionRun): Promise<void> {
  const { record, session } = run
  const { names, method, declared } = record
  const items = await readItems(session, { parts: run.parts, names, method, declared })
  requireCarried(items, names)
  const { bound } = await chooseUntil(session, declared, record.facts)
  const table = quoteQualified(names.schema, names.table)
  const constraint = quoteIdent(boundConstraint(record))
  const column = quoteIdent(layoutColumn(declared))
  const notNull = [...new Set([column, ...notNullNeeded(items)])].map((name) => `${name} is not null`)
  const drop = `alter table if exists ${table} drop constraint if exists ${constraint}`
  await inTransaction(run, {}, async (tx) => {
    await tx.query(sql.raw(drop))
    await tx.query(
      sql.raw(
        `alter table ${table} add constraint ${constraint} check (${notNull.join(' and ')} and ${column} < ${bound}) not valid`,
      ),
    )
    const undo = record.undo.includes(drop) ? {} : { undo: [drop] }
    await advance(tx, record, 'completed', { until: bound, ...undo })
  })
  await refresh(run)
}

export async function chooseUntil(on: Queryable, declared: DeclaredConversion, facts: TableFacts): Promise<Until> {
  const { layout } = declared
  if (layout.kind === 'id') {
    const asked = declared.until === undefined ? undefined : BigInt(declared.until)
    if (asked !== undefined) return await planUntil(on, declared, facts.columnType, { id: asked - 1n })
    const answer = await on.query<{ largest: string | null }>(
      sql`select max(${sql.ident(layout.column)})::text as largest from only ${sql.ident(declared.schema, declared.table)}`,
    )
    const largest = BigInt((onlyRow(answer).largest ?? '0').replace(/\..*$/, ''))
    // A quarter of a partition for the ids that are given out until the swap.
    return await planUntil(on, declared, facts.columnType, { id: largest + layout.step / 4n })
  }
  const zone = layout.kind === 'time' ? layout.zone : 'UTC'
  const answer = await on.query<{ now: number; asked: number | null }>(sql`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
      (extract(epoch from (${declared.until ?? null}::timestamp at time zone ${zone})) * 1000)::float8 as asked`)
  const { now, asked } = onlyRow(answer)
  if (asked !== null && asked <= now) {
    throw new StrataError('LAYOUT_IMPOSSIBLE', {
      message: 'The old table has to end in the future',
      expected: '`until` after now',
      got: declared.until,
    })
  }
  const at = new Date(asked === null ? Math.ceil(now + roomMs(facts)) : asked - 1)
  return await planUntil(on, declared, facts.columnType, { at })
}

export async function validateStep(run: ConversionRun): Promise<void> {
  const { record } = run
  const { schema, table } = record.names
  try {
    await inTransaction(run, {}, async (tx) => {
      await tx.query(
        sql.raw(
          `alter table ${quoteQualified(schema, table)} validate constraint ${quoteIdent(boundConstraint(record))}`,
        ),
      )
      await advance(tx, record, 'completed')
    })
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.checkViolation) throw error
    throw new StrataError('PARTITION_OUTSIDE', {
      message: `${quoteQualified(schema, table)} has rows without a value for its partitions, or at or beyond ${record.until ?? ''}`,
      advice: 'Mend those rows, then run `pgstrata convert <table> --resume`; or abort, and choose a later --until.',
      cause: error,
    })
  }
  await refresh(run)
}

/** The new parent with everything that is bound to the table, and the partitions from the bound on. Nobody uses it yet. */
export async function prepareRelabel(run: ConversionRun): Promise<void> {
  const { record, session } = run
  const { names, method, declared } = record
  if (await isLate(session, record, { roomMs: 0 })) {
    await inTransaction(run, {}, (tx) => advance(tx, record, 'late'))
    await refresh(run)
    return
  }
  const drop = `drop table if exists ${quoteQualified(names.schema, names.incoming)}`
  const made = record.undo.includes(drop)
  // Of an earlier bound.
  if (made) await inTransaction(run, {}, (tx) => tx.query(sql.raw(drop)))
  const items = await readItems(session, { parts: run.parts, names, method, declared })
  const { periods } = await planFrom(session, record)
  const partitions = await run.parts.makePartitions(session, {
    declared,
    parent: names.incoming,
    periods,
    leaf: leafSettings(items),
  })
  await inTransaction(run, {}, async (tx) => {
    for (const statement of [...record.scripts.prepare, ...record.scripts.filled, ...partitions])
      await tx.query(sql.raw(statement))
    await advance(tx, record, 'completed', made ? {} : { undo: [drop] })
  })
  await refresh(run)
}

/** The periods that follow the bound that the table was checked for. */
async function planFrom(on: Queryable, record: ConversionRecord): Promise<Until> {
  const { declared, facts, until } = record
  const { layout } = declared
  const bound = sql.raw(until ?? 'null')
  if (layout.kind === 'id') {
    const { id } = onlyRow(await on.query<{ id: string }>(sql`select (${bound})::text as id`))
    return await planUntil(on, declared, facts.columnType, { id: BigInt(id) - 1n })
  }
  const zone = layout.kind === 'time' ? layout.zone : 'UTC'
  const { ms } = onlyRow(
    await on.query<{ ms: number }>(sql`
      select (extract(epoch from ${momentOf(facts.columnType, zone, sql`${bound}::${sql.raw(facts.columnType)}`)}) * 1000)::float8 as ms`),
  )
  return await planUntil(on, declared, facts.columnType, { at: new Date(ms - 1) })
}

/** The bound has come, or comes within `roomMs`. Ids do not come by themselves. */
export async function isLate(
  on: Queryable,
  { declared, facts, until }: ConversionRecord,
  { roomMs: withinMs }: { readonly roomMs: number },
): Promise<boolean> {
  const { layout } = declared
  if (layout.kind !== 'time') return false
  const bound = sql`${sql.raw(until ?? 'null')}::${sql.raw(facts.columnType)}`
  const answer = await on.query<{ late: boolean }>(sql`
    select ${momentOf(facts.columnType, layout.zone, bound)} <= clock_timestamp() + ${withinMs} * interval '1 millisecond' as late`)
  return onlyRow(answer).late
}

function layoutColumn(declared: PartitionedTable): string {
  return declared.layout.column
}
