// Rows of pgstrata.archive and pgstrata.archive_file: which partitions are archived, where, and what is known of each file.

import { thisDatabase } from '../../catalog/tiered.ts'
import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Content } from '../model/content.ts'
import type { Manifest, ManifestFile } from './manifest.ts'
import type { ArchivedColumn } from './types.ts'

/**
 * `only copy`: the partition was dropped. `superseded`: a younger archive of it is verified. `lost`: a file is gone or damaged.
 * `removing`, `removed`: its files are, or were, removed on purpose, and nobody relies on them.
 */
export type ArchiveState = 'exporting' | 'verified' | 'only copy' | 'superseded' | 'lost' | 'removing' | 'removed'

export interface ArchiveRecord {
  readonly id: bigint
  readonly tierPartition: bigint | null
  readonly schema: string
  readonly table: string
  readonly partition: string
  readonly lower: string
  readonly upper: string
  /** Its URL. */
  readonly store: string
  /** What the keys of its files begin with. */
  readonly prefix: string
  readonly state: ArchiveState
  readonly columns: readonly ArchivedColumn[]
  /** Of the table that has columns of the same numbers. Null: they are numbers of another database. */
  readonly tableOid: number | null
  readonly definition: string
  readonly bytes: number | null
  readonly content: Content | null
  readonly serverVersion: number
  readonly archivedAt: string | null
  readonly verifiedAt: string | null
  readonly lastCheckedAt: string | null
  /** When reading it back was begun, whatever came of it. */
  readonly lastTriedAt: string | null
  readonly checkFailure: string | null
  /** This database made it. The files of others may be all that is left of rows that are theirs. */
  readonly isOwn: boolean
}

type Row = Omit<ArchiveRecord, 'id' | 'tierPartition'> & { readonly id: string; readonly tierPartition: string | null }

const fields =
  sql.raw(`id::text as id, tier_partition::text as "tierPartition", schema_name as schema, table_name as table,
      partition_name as partition, lower_bound as lower, upper_bound as upper, store, prefix, state, columns, definition,
      bytes::float8 as bytes, case when numbered_in = ${thisDatabase} then table_oid::int8::float8 end as "tableOid",
      case when rows is not null then
        json_build_object('rows', rows::text, 'one', content_one::text, 'two', content_two::text)
      end as content,
      server_version as "serverVersion", to_json(archived_at) #>> '{}' as "archivedAt",
      to_json(verified_at) #>> '{}' as "verifiedAt", to_json(last_checked_at) #>> '{}' as "lastCheckedAt",
      to_json(last_tried_at) #>> '{}' as "lastTriedAt", check_failure as "checkFailure",
      coalesce(made_in = ${thisDatabase}, false) as "isOwn"`)

const complete = (row: Row): ArchiveRecord => ({
  ...row,
  id: BigInt(row.id),
  tierPartition: row.tierPartition === null ? null : BigInt(row.tierPartition),
})

export interface ArchiveFilter {
  readonly schema?: string | undefined
  readonly table?: string | undefined
  readonly states?: readonly ArchiveState[] | undefined
}

/** Oldest first. None where schema "pgstrata" does not know archives yet. */
export async function readArchives(on: Queryable, filter: ArchiveFilter = {}): Promise<readonly ArchiveRecord[]> {
  const { rows: known } = await on.query(sql`select where to_regclass('pgstrata.archive') is not null`)
  if (known.length === 0) return []
  const { schema = null, table = null, states = null } = filter
  const { rows } = await on.query<Row>(sql`
    select ${fields}
    from pgstrata.archive
    where (${schema}::text is null or schema_name = ${schema})
      and (${table}::text is null or table_name = ${table})
      and (${states}::text[] is null or state = any(${states}::text[]))
    order by schema_name, table_name, lower_bound, id`)
  return rows.map(complete)
}

export async function readArchive(on: Queryable, id: bigint): Promise<ArchiveRecord | undefined> {
  const { rows } = await on.query<Row>(sql`select ${fields} from pgstrata.archive where id = ${id}::int8`)
  const [row] = rows
  return row === undefined ? undefined : complete(row)
}

export async function readFiles(on: Queryable, archive: bigint): Promise<readonly ManifestFile[]> {
  const { rows } = await on.query<ManifestFile>(sql`
    select number, key, rows::float8 as rows, bytes::float8 as bytes, sha256, least, most,
      json_build_object('rows', rows::text, 'one', content_one::text, 'two', content_two::text) as content, columns
    from pgstrata.archive_file
    where archive = ${archive}::int8
    order by number`)
  return rows
}

export interface NewArchive {
  readonly tierPartition: bigint
  readonly schema: string
  readonly table: string
  readonly partition: string
  readonly lower: string
  readonly upper: string
  readonly store: string
  readonly tableOid: number
}

/** Its number is part of its keys, so it comes before them. */
export async function createArchive(tx: Queryable, draft: NewArchive): Promise<bigint> {
  const answer = await tx.query<{ id: string }>(sql`
    insert into pgstrata.archive (tier_partition, schema_name, table_name, partition_name, lower_bound, upper_bound, store,
      prefix, state, columns, definition, server_version, table_oid, numbered_in,
      made_in)
    values (${draft.tierPartition}::int8, ${draft.schema}, ${draft.table}, ${draft.partition}, ${draft.lower}, ${draft.upper},
      ${draft.store}, '', 'exporting', '[]', '', current_setting('server_version_num')::int4, ${draft.tableOid}::oid,
      ${sql.raw(thisDatabase)}, ${sql.raw(thisDatabase)})
    returning id::text as id`)
  return BigInt(onlyRow(answer).id)
}

/** What is known when it was exported; nothing of it is in the store yet. */
export async function describeArchive(
  tx: Queryable,
  id: bigint,
  { manifest, prefix }: { readonly manifest: Manifest; readonly prefix: string },
): Promise<void> {
  const { columns, definition, content, files, archivedAt } = manifest
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  await tx.query(sql`
    update pgstrata.archive
    set columns = ${JSON.stringify(columns)}::jsonb, definition = ${definition}, prefix = ${prefix}, bytes = ${bytes}::int8,
      rows = ${content.rows}::int8, content_one = ${content.one}::numeric, content_two = ${content.two}::numeric,
      archived_at = ${archivedAt}::timestamptz
    where id = ${id}::int8`)
  for (const file of files) {
    await tx.query(sql`
      insert into pgstrata.archive_file (archive, number, key, rows, bytes, sha256, least, most, content_one, content_two,
        columns)
      values (${id}::int8, ${file.number}, ${file.key}, ${file.rows}::int8, ${file.bytes}::int8, ${file.sha256}, ${file.least},
        ${file.most}, ${file.content.one}::numeric, ${file.content.two}::numeric, ${JSON.stringify(file.columns)}::jsonb)`)
  }
}

interface StateChange {
  readonly from: readonly ArchiveState[]
  readonly to: ArchiveState
}

/** False: it is in none of those states any more, and nothing was done. */
export async function setArchiveState(tx: Queryable, id: bigint, { from, to }: StateChange): Promise<boolean> {
  const { rowCount } = await tx.query(sql`
    update pgstrata.archive
    set state = ${to}
    where id = ${id}::int8
      and state = any(${from}::text[])`)
  return rowCount === 1
}

/** Read back from the store just now, every file, for the first time. */
export async function noteVerified(tx: Queryable, id: bigint): Promise<void> {
  const { rowCount } = await tx.query(sql`
    update pgstrata.archive
    set state = 'verified', verified_at = clock_timestamp(), last_checked_at = clock_timestamp(), check_failure = null
    where id = ${id}::int8
      and state = 'exporting'`)
  if (rowCount === 1) return
  throw new StrataError('TIER_STATE', {
    message: `Archive ${id} was ended while it was being proven`,
    advice: 'Run `pgstrata tier abort`, and archive the partition again.',
  })
}

/** Those of the partition that came before: their files go once it is certain that they are not needed. */
export async function supersede(tx: Queryable, { id, tierPartition }: ArchiveRecord): Promise<void> {
  await tx.query(sql`
    update pgstrata.archive
    set state = 'superseded'
    where tier_partition = ${tierPartition}::int8
      and id < ${id}::int8
      and state in ('exporting', 'verified', 'only copy', 'lost')`)
}

export function manifestOf(archive: ArchiveRecord, files: readonly ManifestFile[], more: ManifestRest): Manifest {
  const { id, schema, table, partition, lower, upper, columns, definition, content, serverVersion, archivedAt } =
    archive
  return {
    format: 1,
    archive: String(id),
    table: { schema, table },
    tableOid: more.tableOid,
    axis: more.axis,
    partition,
    lower,
    upper,
    serverVersion,
    columns,
    definition,
    files,
    content: content ?? { rows: '0', one: '0', two: '0' },
    archivedAt: archivedAt ?? '',
  }
}

interface ManifestRest {
  readonly tableOid: number
  readonly axis: string
}
