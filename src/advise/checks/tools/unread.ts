// Whether indexes may go that nothing seems to read. What is not read here may be read on a replica, at the end of a month, or
// have been there since yesterday only; so each index is told by for how long nothing has read it, anywhere.
//
// What must be true: no statement that drops an index is proposed before `leastHours` of counting, of an index of which nothing proves
// that it was there all that time, while a replica does not answer, or while a server feeds a standby that the configuration does not name.

import { onlyRow, type Queryable } from '../../../db/db.ts'
import { isStandby } from '../../../db/standbys.ts'
import { sql, type Sql } from '../../../sql/sql.ts'
import type { OtherNode } from '../../model.ts'
import { countedFrom, lastRead, madeBefore } from './counting.ts'
import type { FindTools } from './define.ts'
import { leavesOf } from './relations.ts'

export interface Unread {
  /** Of the primary, since it counts. */
  readonly scans: number
  /** For so long it was there and nothing has read it, on any server that was asked; null: nothing proves it. */
  readonly days: number | null
  /** Replicas that read it. */
  readonly readOn: readonly string[]
  /** Why it is not to be dropped yet; undefined: it may go. */
  readonly keep: string | undefined
  /** Only its age is not known: who knows it may drop it. */
  readonly mayBeOld: boolean
  readonly evidence: Readonly<Record<string, string | number | null>>
}

interface Row {
  readonly oid: number
  readonly scans: number
  /** Without a read, as far back as is counted; null: nobody knows. */
  readonly days: number | null
}

interface OwnRow extends Row {
  /** For how long it is there at least, proven by its last read too; null: nothing proves it. */
  readonly age: number | null
}

export const usualLeastHours: number = 7 * 24

export async function readUnread(
  { on, facts, others, limits }: FindTools,
  oids: readonly number[],
): Promise<(oid: number) => Unread> {
  const asked = await askReplicas(others, facts.major, oids)
  const own = await readRows(on, facts.major, oids)
  const standbys = onlyRow(await on.query<{ standbys: number }>(countStandbys)).standbys
  const unasked = Math.max(
    0,
    asked.reduce((sum, { fed }) => sum + fed, standbys) - asked.filter(({ isFed }) => isFed).length,
  )
  const silent = asked.filter(({ rows }) => rows === undefined).map(({ name }) => name)
  const leastDays = (limits.leastHours ?? 0) / 24
  return (oid) => {
    const { scans, days: ownDays, age } = own.find((row) => row.oid === oid) ?? { scans: 0, days: null, age: null }
    const elsewhere = asked.flatMap(({ name, rows }) =>
      (rows ?? []).filter((row) => row.oid === oid).map((row) => ({ name, ...row })),
    )
    const readOn = elsewhere.filter((row) => row.scans > 0).map(({ name }) => name)
    const all = [ownDays, ...elsewhere.map(({ days }) => days)]
    const counted = all.includes(null) ? null : Math.min(...all.flatMap((one) => one ?? []))
    const days = counted === null || age === null ? null : Math.min(counted, age)
    const elsewhereKeep = reasonElsewhere({ silent, unasked })
    const keep = elsewhereKeep ?? reasonToKeep({ counted, age, leastDays })
    return {
      scans,
      days,
      readOn,
      keep,
      mayBeOld: elsewhereKeep === undefined && counted !== null && counted >= leastDays && age === null,
      evidence: {
        ...(days === null ? { countedDays: counted } : {}),
        ...(asked.length > silent.length
          ? {
              replicasAsked: asked
                .filter(({ rows }) => rows !== undefined)
                .map(({ name }) => name)
                .join(', '),
            }
          : {}),
        ...(silent.length > 0 ? { replicasSilent: silent.join(', ') } : {}),
        ...(unasked > 0 ? { standbysNotAsked: unasked } : {}),
      },
    }
  }
}

function reasonElsewhere(known: { readonly silent: readonly string[]; readonly unasked: number }): string | undefined {
  const { silent, unasked } = known
  if (silent.length > 0)
    return `Ask again when ${silent.join(', ')} ${silent.length === 1 ? 'answers' : 'answer'}: it may be used there.`
  if (unasked > 0)
    return `${unasked} ${unasked === 1 ? 'standby is' : 'standbys are'} fed that the configuration does not name: reads are counted there, too. Ask ${unasked === 1 ? 'it' : 'them'} before anything is dropped.`
  return undefined
}

function reasonToKeep(known: {
  readonly counted: number | null
  readonly age: number | null
  readonly leastDays: number
}): string | undefined {
  const { counted, age, leastDays } = known
  if (counted === null)
    return 'The server does not tell for how long it has counted: make sure that nothing needs it before it is dropped.'
  const atMost = Math.min(counted, age ?? Infinity)
  if (atMost < leastDays)
    return `Nothing has read it for ${atMost.toFixed(1)} days${age === null ? ' at the most' : ''}: too short a time to drop it. Ask again when it is ${Math.ceil(leastDays)}, better a month.`
  // Where no time is asked for, none has to be proven.
  if (age === null && leastDays > 0)
    return `When it was made is not known: nothing has read it for as long as is counted (${counted.toFixed(1)} days), or as it is there, which may be since yesterday. With track_commit_timestamp on, the server knows it of those made from then on.`
  return undefined
}

/** How long it was not read: since it was read last, or else since it is counted; and since when it is there. */
async function readRows(on: Queryable, major: number, oids: readonly number[]): Promise<readonly OwnRow[]> {
  const leaves = leavesOf(sql`c`)
  const { rows } = await on.query<OwnRow>(sql`
    with counted as materialized (
      select ${countedFrom(major)} as since
    ), read as (
      select c.oid::int8::float8 as oid, counted.since,
        (select coalesce(sum(pg_stat_get_numscans(p.relid)), 0) from ${leaves} p)::float8 as scans,
        ${lastRead(major, leaves)} as last,
        ${madeBefore} as made
      from pg_class c
      join pg_index i on i.indexrelid = c.oid
      cross join counted
      where c.oid = any(${oids}::int8[]::oid[])
    )
    select oid, scans,
      (extract(epoch from clock_timestamp() - case
        when scans > 0 then coalesce(last, clock_timestamp())
        else since
      end) / 86400)::float8 as days,
      (extract(epoch from clock_timestamp() - case
        when scans > 0 then least(last, coalesce(made, last, clock_timestamp()))
        else made
      end) / 86400)::float8 as age
    from read`)
  return rows
}

interface Asked {
  readonly name: string
  /** Undefined: it did not answer, and may be the one that uses it. */
  readonly rows: readonly Row[] | undefined
  /** How many standbys it feeds itself. */
  readonly fed: number
  /** It is one of those that somebody feeds, and not of those that read an archive. */
  readonly isFed: boolean
}

/** Replicas have the same oids, and count for themselves: since their own statistics began. */
async function askReplicas(
  others: readonly OtherNode[],
  major: number,
  oids: readonly number[],
): Promise<readonly Asked[]> {
  const asked: Asked[] = []
  const leaves = leavesOf(sql`c`)
  const rowsThere = sql`
    select c.oid::int8::float8 as oid,
      (select coalesce(sum(pg_stat_get_numscans(p.relid)), 0) from ${leaves} p)::float8 as scans,
      -- Vacuums leave no traces there: the database is as old as on the primary, its counters as all others.
      (extract(epoch from clock_timestamp() - (
        select coalesce(d.stats_reset, b.stats_reset)
        from pg_stat_database d, pg_stat_bgwriter b
        where d.datname = current_database()
      )) / 86400)::float8 as days
    from pg_class c
    where c.oid = any(${oids}::int8[]::oid[])`
  for (const node of others.filter(({ isReplica }) => isReplica)) {
    const answer = async (): Promise<Omit<Asked, 'name'>> => {
      const rows = await node.ask<Row>(rowsThere)
      const [feeds] = await node.ask<Fed>(feeding)
      return { rows, fed: feeds?.standbys ?? 0, isFed: feeds?.isFed ?? true }
    }
    asked.push({ name: node.name, ...(await answer().catch(() => ({ rows: undefined, fed: 0, isFed: true }))) })
  }
  return asked
}
/** Servers that are fed from here. */
const countStandbys: Sql = sql`
  select count(*)::float8 as standbys
  from pg_stat_replication r
  where ${isStandby}`

interface Fed {
  readonly standbys: number
  readonly isFed: boolean
}

/** Who may not see its state is told none: it is taken to be fed. */
const feeding: Sql = sql`
  select fed.standbys, exists (select from pg_stat_wal_receiver w where coalesce(w.status, 'streaming') = 'streaming') as "isFed"
  from (${countStandbys}) fed`
