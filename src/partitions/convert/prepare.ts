// The first steps of a full conversion: the new parent with its partitions, which nobody uses yet, and the capture of changes.

import { captureStatements } from '../../changes/capture/index.ts'
import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { leafSettings } from './bound/item.ts'
import { planPeriods } from './extent.ts'
import type { PartitionDraft } from './parts.ts'
import { capturedColumns } from './read-table.ts'
import { advance, type ConversionRecord } from './record.ts'
import { prepareRelabel } from './relabel.ts'
import { inTransaction, refresh, type ConversionRun } from './run-context.ts'
import { readItems } from './scripts.ts'
import { notNullConstraint } from './swap.ts'
import { captureOf } from './sync.ts'

export async function prepareStep(run: ConversionRun): Promise<void> {
  const { record, session } = run
  if (record.method === 'relabel') return await prepareRelabel(run)
  const { names, method, declared, facts } = record
  const items = await readItems(session, { parts: run.parts, names, method, declared })
  const partitions = await run.parts.makePartitions(session, {
    declared,
    parent: names.incoming,
    periods: await planPeriods(session, declared, facts.columnType),
    leaf: leafSettings(items),
  })
  const incoming = quoteQualified(names.schema, names.incoming)
  await inTransaction(run, {}, async (tx) => {
    for (const statement of record.scripts.prepare) await tx.query(sql.raw(statement))
    await ensureKey(tx, record)
    for (const statement of partitions) await tx.query(sql.raw(statement))
    await advance(tx, record, 'completed', { undo: [`drop table if exists ${incoming}`] })
  })
  await refresh(run)
}

/** Changes are carried over by the captured columns: the copy needs them as a unique key, or the whole of it would be read. */
async function ensureKey(tx: Session, { names, facts }: ConversionRecord): Promise<void> {
  const wanted = capturedColumns(facts)
  const answer = await tx.query<{ found: boolean }>(sql`
    select exists (
      select
      from pg_index i
      where i.indrelid = to_regclass(${quoteQualified(names.schema, names.incoming)})
        and i.indisunique
        and i.indimmediate
        and i.indpred is null
        and i.indexprs is null
        and (
          select array_agg(a.attname::text order by a.attname::text)
          from unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
          where k.place <= i.indnkeyatts
        ) = ${wanted.toSorted(byBytes)}::text[]
    ) as found`)
  if (onlyRow(answer).found) return
  const list = sql.join(wanted.map((column) => sql.ident(column)))
  await tx.query(sql`create unique index on ${sql.ident(names.schema, names.incoming)} (${list})`)
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

/** Rows were written since that no partition takes: partitions that reach as far. False: none is missing. */
export async function extendCopy(run: ConversionRun): Promise<boolean> {
  const { record, session } = run
  const { names, method, declared, facts } = record
  const { rows } = await session.query<{ name: string; first: string | null }>(sql`
    select c.relname::text as name,
      substring(pg_get_expr(c.relpartbound, c.oid) from '^FOR VALUES FROM [(]MINVALUE[)] TO [(](.*)[)]$') as first
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = to_regclass(${quoteQualified(names.schema, names.incoming)})`)
  const own = new Set(rows.map((row) => row.name))
  const periods = (await planPeriods(session, declared, facts.columnType)).filter(({ name }) => !own.has(name))
  // What lies before the first period has a partition already, wherever the first row is by now.
  const first = rows.find((row) => row.first !== null)?.first ?? undefined
  const missing = first === undefined ? periods : await readFrom(session, periods, { first, type: facts.columnType })
  if (missing.length === 0) return false
  const items = await readItems(session, { parts: run.parts, names, method, declared })
  const partitions = await run.parts.makePartitions(session, {
    // The default partition was made with the first ones.
    declared: { ...declared, outside: 'refuse' },
    parent: names.incoming,
    periods: missing,
    leaf: leafSettings(items),
  })
  await inTransaction(run, {}, async (tx) => {
    for (const statement of partitions) await tx.query(sql.raw(statement))
  })
  return true
}

/** Of the periods, those that begin at `first` or later. */
async function readFrom(
  on: Queryable,
  periods: readonly PartitionDraft[],
  { first, type }: { readonly first: string; readonly type: string },
): Promise<readonly PartitionDraft[]> {
  const bounded = periods.filter(({ lower }) => lower !== 'minvalue')
  if (bounded.length === 0) return []
  const lowers = bounded.map(
    ({ lower }) => sql`${sql.raw(lower)}::${sql.raw(type)} >= ${sql.raw(first)}::${sql.raw(type)}`,
  )
  const answer = await on.query<{ later: boolean[] }>(sql`select array[${sql.join(lowers)}] as later`)
  const { later } = onlyRow(answer)
  return bounded.filter((_, index) => later[index] === true)
}

/** Of the columns that may be null, those that may not be in the copy: writers are told before the swap would have to. */
async function readRequired(on: Queryable, { names, facts }: ConversionRecord): Promise<readonly string[]> {
  const { rows } = await on.query<{ name: string }>(sql`
    select attname::text as name
    from pg_attribute
    where attrelid = to_regclass(${quoteQualified(names.schema, names.incoming)})
      and attname::text = any(${facts.nullable}::text[])
      and attnotnull
    order by attnum`)
  return rows.map(({ name }) => name)
}

/** From its commit on every change is noted: SHARE ROW EXCLUSIVE, and so behind every transaction that wrote before. */
export async function captureStep(run: ConversionRun): Promise<void> {
  const { record } = run
  const { prepare, install, uninstall, remove } = captureStatements(captureOf(record))
  const { schema, table } = record.names
  const name = quoteQualified(schema, table)
  const notNull = (await readRequired(run.session, record)).map((column) => `${quoteIdent(column)} is not null`)
  const constraint = quoteIdent(notNullConstraint(record.id))
  const checks =
    notNull.length === 0
      ? []
      : [`alter table ${name} add constraint ${constraint} check (${notNull.join(' and ')}) not valid`]
  const checksGone =
    notNull.length === 0 ? [] : [`alter table if exists ${name} drop constraint if exists ${constraint}`]
  await inTransaction(run, {}, async (tx) => {
    // Before the table is locked, the log is made: only the triggers need the lock.
    for (const statement of [...prepare, ...checks, ...install]) await tx.query(sql.raw(statement))
    await advance(tx, record, 'completed', { undo: [...remove.toReversed(), ...checksGone, ...uninstall] })
  })
  await refresh(run)
}
