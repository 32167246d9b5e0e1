// Where the primary and the feed are now. Whoever reads at the position that is given sees all that had committed before.

import { onlyRow, type Queryable } from '../db/db.ts'
import { normaliseInsertLsn, parseLsn } from '../db/lsn.ts'
import type { Token } from '../db/token.ts'
import { sql } from '../sql/sql.ts'

export interface Now extends Token {
  /** Of the feed, if it is one of this server and timeline; undefined: it has yet to begin. */
  readonly epoch: string | undefined
}

/** Of the primary. A replica is never asked for more than there is. */
export async function readNow(on: Queryable): Promise<Now> {
  interface Row {
    readonly lsn: string
    readonly blockBytes: number
    readonly segmentBytes: number
    readonly systemId: string
    readonly timeline: number
    readonly epoch: string | null
  }
  const answer = await on.query<Row>(sql`
    with here as materialized (
      select pg_current_wal_insert_lsn() as lsn,
        (select system_identifier::text from pg_control_system()) as system_id,
        ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int4 as timeline
    )
    select h.lsn::text as lsn, h.system_id as "systemId", h.timeline,
      current_setting('wal_block_size')::int4 as "blockBytes",
      pg_size_bytes(current_setting('wal_segment_size'))::int4 as "segmentBytes",
      (
        select f.epoch
        from pgstrata.feed f
        where f.state = 'made'
          and f.system_id = h.system_id
          and f.timeline = h.timeline
      ) as epoch
    from here h`)
  const { lsn, systemId, timeline, epoch, ...sizes } = onlyRow(answer)
  return { systemId, timeline, lsn: normaliseInsertLsn(parseLsn(lsn), sizes), epoch: epoch ?? undefined }
}

/** The same in every process, and of no other database: the cluster and the database in it. */
export async function readDatabaseName(on: Queryable): Promise<string> {
  const answer = await on.query<{ name: string }>(sql`
    select (select system_identifier from pg_control_system()) || '.' || oid as name
    from pg_database
    where datname = current_database()`)
  return onlyRow(answer).name
}
