// Packs what a partition holds: the rows of one snapshot, read and written in one transaction.
//
// What holds behind it: pgstrata.pack_<id> has exactly the rows that the snapshot shows of the partition, its loose rows and its
// pack of until now (I2: both contents were compared in that snapshot, or nothing of this was committed); nobody reads it yet.
// What changes meanwhile is noted by the guard, and found at the swap. Disk full, or a lost connection: the transaction takes
// everything with it.

import { onlyRow, type Session } from '../../db/db.ts'
import { StrataError } from '../../base/errors.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { contentSettings } from '../content/settings.ts'
import { readPack } from '../history/read-objects.ts'
import { packObjects } from '../history/pack-objects.ts'
import { packObjectNames } from '../model/objects.ts'
import type { Warm } from '../model/options.ts'
import { advance, type TierPartition } from '../model/record.ts'
import { buildPack } from '../pack/build.ts'
import { inTransaction, type MoveRun } from './context.ts'
import { readGuarded, relationsOf, type Guarded } from './guard.ts'
import { lockText, nameOf, readDefinition, requirePartition, requireSame } from './leaves.ts'
import { requireUnpublished } from './publications.ts'
import { readApplied } from './readers.ts'
import { readSource } from './source.ts'

export async function packStep(run: MoveRun): Promise<void> {
  const { session, record } = run
  await requirePartition(session, record)
  const guarded = await readGuarded(session, record)
  // Before the snapshot: what is truncated or altered behind it would show it nothing.
  const locks = lockText([...relationsOf(guarded), ...tablesOfPack(record)], 'access share')
  await inTransaction(run, { isolation: 'repeatable read', first: [contentSettings, locks] }, async (tx) => {
    await requireSame(tx, record, guarded.leaves)
    return await packRows(tx, run, guarded)
  })
}

function tablesOfPack({ pack }: TierPartition): readonly string[] {
  if (pack === null) return []
  const { segments, words } = packObjectNames(pack)
  return [quoteQualified('pgstrata', segments), quoteQualified('pgstrata', words)]
}

async function packRows(tx: Session, run: MoveRun, guarded: Guarded): Promise<TierPartition> {
  const { record } = run
  const warm = requireWarm(run)
  const { schema, table } = run.table.partitioned
  await requireUnpublished(tx, { into: ['pgstrata'], schema, table })
  const facts = await readFacts(tx, guarded)
  // Of the table, not of the partition: columns are known by the numbers that they have there.
  const objects = await readApplied(tx, record)
  const built = await buildPack(tx, {
    id: facts.id,
    source: await readSource(tx, run),
    columns: objects.columns,
    warm,
    axis: objects.axis.name,
    onSlice: async (share) => {
      run.onProgress?.(share)
      await run.throttle()
    },
  })
  const { shape, content, segments, bytes } = built
  await tx.query(sql`
    insert into pgstrata.tier_pack
      (id, tier_partition, tier_table, columns, segment_by, order_by, rows, segments, bytes, content_one, content_two, built_at)
    overriding system value
    values (${facts.id}::int8, ${record.id}::int8, ${record.tierTable}, ${JSON.stringify(shape.columns)}::jsonb,
      ${shape.segmentBy}::text[], ${shape.orderBy}::text[], ${content.rows}::int8, ${segments}::int8, ${bytes}::int8,
      ${content.one}::numeric, ${content.two}::numeric, clock_timestamp())`)
  const pack = await readPack(tx, record.tierTable, facts.id)
  for (const statement of packObjects(objects, pack).create) await tx.query(sql.raw(statement))
  return await advance(tx, record, 'completed', {
    nextPack: facts.id,
    snapshot: facts.snapshot,
    fingerprint: await readDefinition(tx, guarded.leaves),
    content,
    heapBytes: record.heapBytes ?? facts.heapBytes,
    tierBytes: bytes,
  })
}

interface Facts {
  readonly id: bigint
  readonly snapshot: string
  readonly heapBytes: number
}

async function readFacts(tx: Session, { leaves }: Guarded): Promise<Facts> {
  const { id, ...facts } = onlyRow(
    await tx.query<{ id: string; snapshot: string; heapBytes: number }>(sql`
      select nextval('pgstrata.tier_pack_id_seq')::text as id, pg_current_snapshot()::text as snapshot,
        (
          select sum(pg_total_relation_size(oid::oid))::float8
          from unnest(${leaves.map(({ oid }) => oid)}::int8[]) as leaf (oid)
        ) as "heapBytes"`),
  )
  return { ...facts, id: BigInt(id) }
}

export function requireWarm({ table, record }: Pick<MoveRun, 'table' | 'record'>): Warm {
  if (table.warm !== undefined) return table.warm
  throw new StrataError('TIER_REFUSED', {
    message: `${nameOf(record)} cannot be packed: nothing is declared of how`,
    advice: 'Declare `warm` for its table.',
  })
}
