// A batch of observations into the database, as one transaction under the prober's lease: results, heartbeats and what they make of a
// node, findings, and who is suspended for them. Each table is written by one statement.
//
// Promises: all of it or nothing; the same batch again changes nothing, where an attempt was carried out and only its answer was lost;
// nodes that were deleted meanwhile keep the others from nothing.

import { sql, type Kysely } from 'kysely'
import type { Lease } from 'pgstrata'
import type { Database } from '../database.ts'
import { underLease } from './fenced.ts'
import type { Evidence, RuleName } from './fraud/rule.ts'
import { statusAfter } from './node-status.ts'
import type { Observation } from './observation.ts'
import type { FraudSettings } from './settings.ts'

export interface WriteCall {
  readonly db: Kysely<Database>
  readonly lease: Lease
  readonly fraud: FraudSettings
  readonly observations: readonly Observation[]
  /** An earlier attempt may have been carried out. */
  readonly isRepeat: boolean
}

export interface Written {
  /** Nodes that are now suspended. */
  readonly suspended: readonly string[]
}

/** Undefined: the lease was lost, and nothing is written. */
export async function writeObservations(call: WriteCall): Promise<Written | undefined> {
  const { db, lease, observations, fraud, isRepeat } = call
  return await underLease(db, lease, async (tx) => {
    await insertResults(tx, observations, isRepeat)
    await updateHeartbeats(tx, observations)
    const { found, cleared } = sumUp(observations)
    if (found.length > 0) await upsertFindings(tx, found)
    if (cleared.length > 0) await resolveFindings(tx, cleared)
    const suspects = found.filter(({ rule }) => fraud.suspending.includes(rule)).map(({ nodeId }) => nodeId)
    return {
      suspended: suspects.length === 0 ? [] : await suspend(tx, { fraud, suspects, atMs: lastOf(observations) }),
    }
  })
}

async function insertResults(tx: Kysely<Database>, all: readonly Observation[], isRepeat: boolean): Promise<void> {
  const rows = all.flatMap(({ result, ...rest }) => (result === undefined ? [] : [{ ...rest, ...result }]))
  if (rows.length === 0) return
  await sql`
    insert into probe_results (stream_id, node_id, probe_type, success, response_data, error_message, probe_timestamp)
    select v.stream_id, v.node_id, v.probe_type, v.success, v.response_data::jsonb, v.error_message, v.probe_timestamp
    from unnest(
      ${rows.map(({ streamId }) => streamId)}::text[],
      ${rows.map(({ nodeId }) => nodeId)}::text[],
      ${rows.map(({ type }) => type)}::text[],
      ${rows.map(({ success }) => success)}::boolean[],
      ${rows.map(({ data }) => data)}::text[],
      ${rows.map(({ error }) => error)}::text[],
      ${rows.map(({ atMs }) => toTime(atMs))}::timestamptz[]
    ) as v (stream_id, node_id, probe_type, success, response_data, error_message, probe_timestamp)
    ${isRepeat ? notYetThere : sql``}`.execute(tx)
}

const notYetThere = sql`
    where not exists (
      select from probe_results as p
      where p.stream_id = v.stream_id
        and p.node_id = v.node_id
        and p.probe_timestamp = v.probe_timestamp
        and p.probe_type = v.probe_type)`

async function updateHeartbeats(tx: Kysely<Database>, all: readonly Observation[]): Promise<void> {
  const beats = all.flatMap(({ nodeId, heartbeat }) => (heartbeat === undefined ? [] : [{ nodeId, ...heartbeat }]))
  if (beats.length === 0) return
  await sql`
    update nodes
    set last_heartbeat = greatest(nodes.last_heartbeat, v.at),
      status = case when v.fresh then ${statusAfter('heartbeat', 'nodes.status')} else nodes.status end
    from (
      select node_id, max(at) as at, bool_or(fresh) as fresh
      from unnest(
        ${beats.map(({ nodeId }) => nodeId)}::text[],
        ${beats.map(({ atMs }) => toTime(atMs))}::timestamptz[],
        ${beats.map(({ isFresh }) => isFresh)}::boolean[]
      ) as u (node_id, at, fresh)
      group by node_id
    ) as v
    where nodes.node_id = v.node_id
      and (v.fresh or nodes.last_heartbeat is null or nodes.last_heartbeat < v.at)`.execute(tx)
}

interface Summed {
  readonly nodeId: string
  readonly streamId: string
  readonly rule: RuleName
  readonly atMs: number
}

interface SummedFinding extends Summed {
  readonly evidence: Evidence
  readonly times: number
}

/** Of each node and rule: what was found last, and how often; and whether it was over at the end. */
function sumUp(all: readonly Observation[]): { found: readonly SummedFinding[]; cleared: readonly Summed[] } {
  const found = new Map<string, SummedFinding>()
  const cleared = new Map<string, Summed>()
  for (const { nodeId, streamId, atMs, ...rules } of all) {
    for (const rule of rules.cleared) cleared.set(`${rule} ${nodeId}`, { nodeId, streamId, rule, atMs })
    for (const { rule, evidence } of rules.found) {
      const key = `${rule} ${nodeId}`
      found.set(key, { nodeId, streamId, rule, atMs, evidence, times: (found.get(key)?.times ?? 0) + 1 })
      cleared.delete(key)
    }
  }
  return { found: [...found.values()], cleared: [...cleared.values()] }
}

async function upsertFindings(tx: Kysely<Database>, found: readonly SummedFinding[]): Promise<void> {
  const evidence = found.map(({ evidence, times, atMs }) => JSON.stringify({ ...evidence, times, last: toTime(atMs) }))
  await sql`
    insert into fraud_findings as f (node_id, stream_id, rule, evidence, found_at)
    select v.node_id, v.stream_id, v.rule, v.evidence::jsonb, v.found_at
    from unnest(
      ${found.map(({ nodeId }) => nodeId)}::text[],
      ${found.map(({ streamId }) => streamId)}::text[],
      ${found.map(({ rule }) => rule)}::text[],
      ${evidence}::text[],
      ${found.map(({ atMs }) => toTime(atMs))}::timestamptz[]
    ) as v (node_id, stream_id, rule, evidence, found_at)
    where exists (select from nodes where nodes.node_id = v.node_id)
    on conflict (node_id, rule) where resolved_at is null do update
    set evidence = excluded.evidence
      || jsonb_build_object('times', (f.evidence ->> 'times')::int + (excluded.evidence ->> 'times')::int)
    where (f.evidence ->> 'last')::timestamptz < excluded.found_at`.execute(tx)
}

async function resolveFindings(tx: Kysely<Database>, cleared: readonly Summed[]): Promise<void> {
  await sql`
    update fraud_findings
    set resolved_at = v.at
    from unnest(
      ${cleared.map(({ nodeId }) => nodeId)}::text[],
      ${cleared.map(({ rule }) => rule)}::text[],
      ${cleared.map(({ atMs }) => toTime(atMs))}::timestamptz[]
    ) as v (node_id, rule, at)
    where fraud_findings.node_id = v.node_id
      and fraud_findings.rule = v.rule
      and resolved_at is null`.execute(tx)
}

interface Suspicion {
  readonly fraud: FraudSettings
  readonly suspects: readonly string[]
  readonly atMs: number
}

/** What a person has reviewed does not count any more. */
async function suspend(tx: Kysely<Database>, { fraud, suspects, atMs }: Suspicion): Promise<readonly string[]> {
  const { rows } = await sql<{ node_id: string }>`
    update nodes
    set status = ${statusAfter('suspend', 'nodes.status')}
    where node_id = any(${suspects}::text[])
      and status <> 'SUSPENDED'
      and ${fraud.suspendAfter}::int <= (
        select coalesce(sum((evidence ->> 'times')::int), 0)
        from fraud_findings as f
        where f.node_id = nodes.node_id
          and f.rule = any(${fraud.suspending}::text[])
          and (f.resolved_at is null or f.found_at > ${toTime(atMs - fraud.suspendWithinMs)}::timestamptz)
          and not f.evidence ? 'reviewed')
    returning node_id`.execute(tx)
  return rows.map(({ node_id }) => node_id)
}

function lastOf(observations: readonly Observation[]): number {
  return Math.max(...observations.map(({ atMs }) => atMs))
}

function toTime(atMs: number): string {
  return new Date(atMs).toISOString()
}
