// The row of a partition in pgstrata.tier_partition: all that a mover needs to go on where another one ended.
//
// I4: a step and its state commit together, under the token. Whoever takes a partition over gets a greater token, so that a
// mover that lost it changes nothing any more, and a step that is done twice does it once.

import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import { isSql, sql, type Sql } from '../../sql/sql.ts'
import type { Content } from './content.ts'
import { thisDatabase } from '../../catalog/tiered.ts'
import { follow, isResting, type Event, type Move, type Rest, type State } from './states.ts'

/** How archived columns become those of the table. */
export interface Fitting {
  /** Archived columns that are left out. */
  readonly without: readonly string[]
  /** Archived name → name now. */
  readonly renamed: Readonly<Record<string, string>>
}

export interface TierPartition {
  readonly id: bigint
  readonly tierTable: number
  readonly schema: string
  readonly name: string
  /** Null: cold. */
  readonly oid: number | null
  /** As the type writes it under ISO and UTC, without quotes; 'MINVALUE' as it is. */
  readonly lower: string
  readonly upper: string
  readonly state: State
  /** The tier that it was in before the move, and is in where no move is under way. */
  readonly rest: Rest
  readonly token: bigint
  readonly request: Move | null
  readonly requestBy: 'policy' | 'person' | null
  /** What readers read. */
  readonly pack: bigint | null
  readonly nextPack: bigint | null
  /** A table that is to take its place. */
  readonly incoming: number | null
  readonly snapshot: string | null
  readonly fingerprint: string | null
  readonly content: Content | null
  /** Before the first move. */
  readonly heapBytes: number | null
  readonly tierBytes: number | null
  readonly archive: bigint | null
  /** Of a restore: what a person said of its columns. */
  readonly fitting: Fitting | null
  readonly dropAfter: string | null
  /** How often this move began again. */
  readonly anew: number
  readonly failures: number
  readonly failure: string | null
  readonly notBefore: string | null
  readonly held: boolean
  readonly movedAt: string | null
  readonly updatedAt: string
}

type Row = Omit<TierPartition, 'id' | 'token' | 'pack' | 'nextPack' | 'archive'> & {
  readonly id: string
  readonly token: string
  readonly pack: string | null
  readonly nextPack: string | null
  readonly archive: string | null
}

const columns = sql.raw(`id::text as id, tier_table as "tierTable", partition_schema as schema, partition_name as name,
      partition_oid::int8::float8 as oid, lower_bound as lower, upper_bound as upper, state, rest, token::text as token, request,
      request_by as "requestBy", pack::text as pack, next_pack::text as "nextPack", incoming::int8::float8 as incoming,
      snapshot::text as snapshot, fingerprint,
      case when rows is not null then
        json_build_object('rows', rows::text, 'one', content_one::text, 'two', content_two::text)
      end as content,
      heap_bytes::float8 as "heapBytes", tier_bytes::float8 as "tierBytes", archive::text as archive, fitting,
      to_json(drop_after) #>> '{}' as "dropAfter", anew, failures, failure, to_json(not_before) #>> '{}' as "notBefore", held,
      to_json(moved_at) #>> '{}' as "movedAt", to_json(updated_at) #>> '{}' as "updatedAt"`)

function complete(row: Row): TierPartition {
  const { id, token, pack, nextPack, archive } = row
  return {
    ...row,
    id: BigInt(id),
    token: BigInt(token),
    pack: pack === null ? null : BigInt(pack),
    nextPack: nextPack === null ? null : BigInt(nextPack),
    archive: archive === null ? null : BigInt(archive),
  }
}

/** Those of a table that were ever known, in the order in which they became so. */
export async function readTierPartitions(on: Queryable, tierTable: number): Promise<readonly TierPartition[]> {
  const { rows } = await on.query<Row>(sql`
    select ${columns}
    from pgstrata.tier_partition
    where tier_table = ${tierTable}
    order by id`)
  return rows.map(complete)
}

export async function readTierPartition(on: Queryable, id: bigint): Promise<TierPartition> {
  const { rows } = await on.query<Row>(sql`
    select ${columns}
    from pgstrata.tier_partition
    where id = ${id}::int8`)
  const [row] = rows
  if (row === undefined) throw new StrataError('TIER_STATE', { message: `There is no partition ${id} with tiers` })
  return complete(row)
}

export type NewTierPartition = Pick<TierPartition, 'tierTable' | 'schema' | 'name' | 'oid' | 'lower' | 'upper'>

/**
 * Notes a partition that is not known yet, or knows it by its new name. One that somebody has made again is not slim, whatever it was.
 * The order of periods is that of the drafts.
 */
export async function enrol(tx: Queryable, drafts: readonly NewTierPartition[]): Promise<void> {
  for (const draft of drafts) {
    await tx.query(sql`
      insert into pgstrata.tier_partition (tier_table, partition_schema, partition_name, partition_oid, lower_bound, upper_bound)
      values (${draft.tierTable}, ${draft.schema}, ${draft.name}, ${draft.oid}::oid, ${draft.lower}, ${draft.upper})
      on conflict (tier_table, lower_bound, upper_bound) do update
      set partition_schema = excluded.partition_schema, partition_name = excluded.partition_name,
        partition_oid = excluded.partition_oid,
        state = case when ${isAnother} then 'hot' else tier_partition.state end,
        rest = case when ${isAnother} then 'hot' else tier_partition.rest end
      where tier_partition.state in ('hot', 'slim', 'packed')
        and (tier_partition.partition_oid, tier_partition.partition_schema, tier_partition.partition_name)
          is distinct from (excluded.partition_oid, excluded.partition_schema, excluded.partition_name)`)
  }
}

/** Not the same under another number, as it is where a dump was restored. */
const isAnother = sql`tier_partition.state = 'slim' and tier_partition.partition_oid <> excluded.partition_oid
          and tier_partition.tier_table in (select t.id from pgstrata.tier_table t where t.declared ->> 'system' = ${sql.raw(thisDatabase)})`

/** Makes the partition this mover's: whoever had it changes nothing any more. */
export async function takeOver(tx: Queryable, id: bigint): Promise<TierPartition> {
  const { rows } = await tx.query<Row>(sql`
    update pgstrata.tier_partition
    set token = token + 1, updated_at = clock_timestamp()
    where id = ${id}::int8
    returning ${columns}`)
  const [row] = rows
  if (row === undefined) throw new StrataError('TIER_STATE', { message: `There is no partition ${id} with tiers` })
  return complete(row)
}

/** What is noted with a step. A moment may be said in SQL, by the clock of the database. */
export interface Changes {
  readonly schema?: string
  readonly name?: string
  readonly oid?: number | null
  readonly request?: Move | null
  readonly requestBy?: 'policy' | 'person' | null
  readonly pack?: bigint | null
  readonly nextPack?: bigint | null
  readonly incoming?: number | null
  readonly snapshot?: string | null
  readonly fingerprint?: string | null
  readonly content?: Content | null
  readonly heapBytes?: number | null
  readonly tierBytes?: number | null
  readonly archive?: bigint | null
  readonly fitting?: Fitting | null
  readonly dropAfter?: string | Sql | null
  readonly anew?: number
  readonly failures?: number
  readonly failure?: string | null
  readonly notBefore?: string | Sql | null
  readonly held?: boolean
}

type Column = readonly [name: string, type: string]

const columnOf: Readonly<Record<Exclude<keyof Changes, 'content'>, Column>> = {
  schema: ['partition_schema', 'text'],
  name: ['partition_name', 'text'],
  oid: ['partition_oid', 'oid'],
  request: ['request', 'text'],
  requestBy: ['request_by', 'text'],
  pack: ['pack', 'int8'],
  nextPack: ['next_pack', 'int8'],
  incoming: ['incoming', 'oid'],
  snapshot: ['snapshot', 'pg_snapshot'],
  fingerprint: ['fingerprint', 'text'],
  heapBytes: ['heap_bytes', 'int8'],
  tierBytes: ['tier_bytes', 'int8'],
  archive: ['archive', 'int8'],
  fitting: ['fitting', 'jsonb'],
  dropAfter: ['drop_after', 'timestamptz'],
  anew: ['anew', 'int4'],
  failures: ['failures', 'int4'],
  failure: ['failure', 'text'],
  notBefore: ['not_before', 'timestamptz'],
  held: ['held', 'bool'],
}

function assignments(changes: Changes): Map<string, Sql> {
  const sets = new Map<string, Sql>()
  for (const [key, value] of Object.entries(changes) as [keyof Changes, unknown][]) {
    if (value === undefined) continue
    if (key === 'content') {
      const content = value as Content | null
      sets.set('rows', sql`${content?.rows ?? null}::int8`)
      sets.set('content_one', sql`${content?.one ?? null}::numeric`)
      sets.set('content_two', sql`${content?.two ?? null}::numeric`)
      continue
    }
    const [column, type] = columnOf[key]
    if (key === 'fitting' && value !== null) {
      sets.set(column, sql`${JSON.stringify(value)}::jsonb`)
      continue
    }
    sets.set(column, isSql(value) ? value : sql`${value}::${sql.raw(type)}`)
  }
  return sets
}

/** What follows from a change of state alone. */
function following(one: TierPartition, event: Event, next: State): Map<string, Sql> {
  const none = sql`null`
  const sets = new Map([['state', sql`${next}`]])
  if (event === 'completed') sets.set('failure', none).set('failures', sql`0`)
  // Whoever brought it back lets it go.
  if (event === 'slim' || event === 'pack' || event === 'archive') sets.set('held', sql`false`)
  if (event === 'anew') sets.set('anew', sql`anew + 1`).set('snapshot', none)
  if (!isResting(next)) return sets
  sets.set('rest', sql`${next}`).set('moved_at', sql`clock_timestamp()`)
  for (const column of ['request', 'request_by', 'next_pack', 'incoming', 'snapshot', 'fitting', 'drop_after'])
    sets.set(column, none)
  // Of a move that was given up it stays known how often it was tried, and how long it rests.
  if (one.state === 'aborting')
    return new Map([...sets].filter(([column]) => !/^(failure|failures|moved_at)$/.test(column)))
  return sets.set('anew', sql`0`).set('not_before', none)
}

/** In the transaction that does the work. Refuses what the states do not allow, and a partition that somebody else has taken. */
export async function advance(
  tx: Queryable,
  one: TierPartition,
  event: Event,
  changes: Changes = {},
): Promise<TierPartition> {
  const next = follow(one, event)
  if (next === null) {
    throw new StrataError('TIER_STATE', {
      message: `Partition ${one.schema}.${one.name} cannot go on`,
      got: `"${event}" in state "${one.state}"`,
    })
  }
  return await update(tx, one, new Map([...following(one, event, next), ...assignments(changes)]))
}

/** Notes something without a change of state, under the same conditions. */
export async function amend(tx: Queryable, one: TierPartition, changes: Changes): Promise<TierPartition> {
  return await update(tx, one, assignments(changes))
}

async function update(tx: Queryable, one: TierPartition, sets: ReadonlyMap<string, Sql>): Promise<TierPartition> {
  const list = [...sets].map(([column, value]) => sql`${sql.raw(column)} = ${value}`)
  const { rows } = await tx.query<Row>(sql`
    update pgstrata.tier_partition
    set ${sql.join([...list, sql`updated_at = clock_timestamp()`])}
    where id = ${one.id}::int8
      and token = ${one.token}::int8
      and state = ${one.state}
    returning ${columns}`)
  const [row] = rows
  if (row !== undefined) return complete(row)
  throw new StrataError('TIER_BUSY', {
    message: `Partition ${one.schema}.${one.name} was moved on by another process`,
  })
}

/** What somebody asks for; the job does it. False: something is under way, or was asked for by a person already. */
export async function askFor(
  on: Queryable,
  id: bigint,
  { move, by }: { readonly move: Move; readonly by: 'policy' | 'person' },
): Promise<boolean> {
  const { rowCount } = await on.query(sql`
    update pgstrata.tier_partition
    set request = ${move}, request_by = ${by}, not_before = case when ${by} = 'person' then null else not_before end,
      updated_at = clock_timestamp()
    where id = ${id}::int8
      and state in ('hot', 'slim', 'packed', 'cold', 'archived')
      and (request is null or request_by = 'policy' or ${by} = 'person')`)
  return rowCount === 1
}
