// What `doctor` asks each server of a pool: whether it is what the configuration says, and whether reads can live on it.
// Only reads; the servers are compared with `reference`, the direct way to the primary.

import type { Clock } from '../base/clock.ts'
import type { Probe, ProbeResult } from '../base/probe.ts'
import { formatDuration } from '../base/units.ts'
import { describeTarget, type Db } from './db.ts'
import { lagLimitMs, measureLagMs, readNodeFacts, type ConfiguredNode, type NodeFacts } from './node-facts.ts'
import { guarded } from './probes.ts'
import { detectPooler, oldestVersionNum } from './server-facts.ts'

export interface NodeProbeOptions {
  /** Asked about by serverProbes already: here only for its number of connections, where a node is reached through it. */
  readonly reference: Db
  readonly nodes: readonly ConfiguredNode[]
  readonly clock: Clock
}

export function nodeProbes(options: NodeProbeOptions): readonly Probe[] {
  return options.nodes.flatMap((node) => probesOf(node, options))
}

type Ask = (facts: NodeFacts, primary: NodeFacts) => ProbeResult | Promise<ProbeResult>

function probesOf(node: ConfiguredNode, options: NodeProbeOptions): readonly Probe[] {
  const { reference, nodes, clock } = options
  const probe = (what: string, ask: Ask): Probe => ({
    name: `${node.name}: ${what}`,
    run: guarded(async () => ask(await readNodeFacts(node.db), await readNodeFacts(reference))),
  })
  const connections = probe('connections', (facts) => judgeConnections(node, facts))
  if (node.db === reference) return [connections]
  const common = [
    probe('connection', () => ({ verdict: 'ok', found: describeTarget(node.db.target) })),
    probe('version', judgeVersion),
    probe('cluster', judgeCluster),
    probe('role', async (facts, primary) => {
      const earlier = nodes.slice(0, nodes.indexOf(node)).filter(({ isReplica }) => isReplica)
      return judgeRole(node, facts, { primary, twin: node.isReplica ? await findTwin(facts, earlier) : undefined })
    }),
    probe('pooler', async () => judgePooler(await detectPooler(node.db))),
    connections,
  ]
  if (!node.isReplica) return common
  const ofReplica = (what: string, ask: Ask): Probe =>
    probe(what, (facts, primary) =>
      facts.isReplica && facts.systemId === primary.systemId ? ask(facts, primary) : notOurs,
    )
  return [
    ...common,
    ofReplica('timeline', judgeTimeline),
    ofReplica('streaming', judgeStreaming),
    ofReplica('lag', async (facts) => {
      if (facts.isPaused) return paused
      const limitMs = lagLimitMs(node.maxLagMs)
      const lagMs = await measureLagMs({ primary: reference, replica: node.db, limitMs, clock })
      return judgeLag(node, lagMs, { facts, limitMs })
    }),
    ofReplica('cancellations', judgeCancellations),
    ofReplica('privileges', judgePrivileges),
  ]
}

function judgeVersion({ versionNum, version }: NodeFacts, primary: NodeFacts): ProbeResult {
  const found = `PostgreSQL ${version}`
  if (versionNum < oldestVersionNum) return { verdict: 'fail', found, fix: 'Upgrade to PostgreSQL 15 or newer.' }
  if (versionNum === primary.versionNum) return { verdict: 'ok', found }
  return {
    verdict: 'warn',
    found: `${found}, the primary has ${primary.version}`,
    fix: 'Bring them to the same version; replicas first.',
  }
}

function judgeCluster({ systemId }: NodeFacts, primary: NodeFacts): ProbeResult {
  if (systemId === primary.systemId) return { verdict: 'ok', found: `system identifier ${systemId}` }
  return {
    verdict: 'fail',
    found: `of another cluster: system identifier ${systemId}, the primary has ${primary.systemId}`,
    fix: 'Correct its URL. The pool never uses a server of another cluster.',
  }
}

function judgeRole(
  node: ConfiguredNode,
  facts: NodeFacts,
  others: { readonly primary: NodeFacts; readonly twin: string | undefined },
): ProbeResult {
  if (facts.isReplica) {
    if (!node.isReplica)
      return { verdict: 'fail', found: 'a replica', fix: 'Point it at the primary, or promote a server.' }
    if (others.twin === undefined) return { verdict: 'ok', found: 'a replica' }
    return {
      verdict: 'warn',
      found: `the same server as ${others.twin}`,
      fix: 'Take one of them out: one server would have two shares of the reads, and twice the connections.',
    }
  }
  if (!node.isReplica) return { verdict: 'ok', found: 'a primary' }
  if (isSameServer(facts, others.primary)) {
    return {
      verdict: 'fail',
      found: 'the primary itself, under another name',
      fix: "Give it the URL of a replica. To let the primary take reads, give it routes: ['write', 'read'].",
    }
  }
  return {
    verdict: 'fail',
    found: 'a primary: it takes writes of its own',
    fix: 'Point it at a replica. If it was promoted, make `database.primary` lead to one of the two, and stop the other.',
  }
}

async function findTwin(facts: NodeFacts, earlier: readonly ConfiguredNode[]): Promise<string | undefined> {
  for (const { name, db } of earlier) {
    // One that does not answer is told of on its own.
    const other = await readNodeFacts(db).catch(() => undefined)
    if (other !== undefined && isSameServer(facts, other)) return name
  }
  return undefined
}

function isSameServer(a: NodeFacts, b: NodeFacts): boolean {
  return a.systemId === b.systemId && a.startedAt === b.startedAt && a.isReplica === b.isReplica
}

function judgeTimeline(facts: NodeFacts, primary: NodeFacts): ProbeResult {
  const found = `timeline ${facts.timeline}`
  if (facts.timeline === primary.timeline) return { verdict: 'ok', found }
  const both = `${found}, the primary is on ${primary.timeline}`
  if (facts.timeline < primary.timeline && facts.hasReceiver && !facts.seesStatistics) {
    return {
      verdict: 'warn',
      found: `${both}, as far as role "${facts.role}" can see`,
      fix: 'It is not read from until its next restart point shows more. See privileges below.',
    }
  }
  return {
    verdict: 'fail',
    found: both,
    fix: 'It follows a history that was left behind, and is not read from. Rebuild it with pg_rewind or pg_basebackup.',
  }
}

function judgeStreaming(facts: NodeFacts): ProbeResult {
  const fix = 'Check primary_conninfo and primary_slot_name of the replica, and its log.'
  if (!facts.hasReceiver) return { verdict: 'warn', found: 'no WAL receiver: nothing streams to it', fix }
  const { receiverStatus } = facts
  if (receiverStatus === null || receiverStatus === 'streaming') return { verdict: 'ok', found: 'it streams' }
  return { verdict: 'warn', found: `its WAL receiver is ${receiverStatus}`, fix }
}

const notOurs: ProbeResult = { verdict: 'warn', found: 'not asked: it is no replica of the primary' }

const paused: ProbeResult = {
  verdict: 'fail',
  found: 'replay is paused: it shows nothing new',
  fix: 'On the replica: select pg_wal_replay_resume();',
}

function judgeLag(
  { maxLagMs }: ConfiguredNode,
  lagMs: number | undefined,
  { facts, limitMs }: { readonly facts: NodeFacts; readonly limitMs: number },
): ProbeResult {
  const allowed = `maxLag is ${formatDuration(maxLagMs)}`
  if (lagMs !== undefined && lagMs <= maxLagMs) {
    return { verdict: 'ok', found: `${formatDuration(lagMs)} behind now; ${allowed}` }
  }
  const behind = lagMs === undefined ? `more than ${formatDuration(limitMs)}` : formatDuration(lagMs)
  return {
    verdict: 'warn',
    found: `${behind} behind now; ${allowed}`,
    fix:
      facts.applyDelayMs > 0
        ? `It waits by its own setting: recovery_min_apply_delay is ${formatDuration(facts.applyDelayMs)}. Reads pass it over.`
        : 'Reads pass it over while it is. Give it more, send it less, or allow a longer maxLag.',
  }
}

function judgeCancellations({ feedback, maxStandbyDelayMs }: NodeFacts): ProbeResult {
  if (feedback) return { verdict: 'ok', found: 'hot_standby_feedback is on' }
  if (maxStandbyDelayMs < 0)
    return { verdict: 'ok', found: 'max_standby_streaming_delay is -1: replay waits for reads' }
  return {
    verdict: 'warn',
    found: `reads that hold up replay are cancelled after ${formatDuration(maxStandbyDelayMs)} (max_standby_streaming_delay; hot_standby_feedback is off)`,
    fix: 'They are retried elsewhere. For long reads set hot_standby_feedback = on, which lets the primary keep old rows for them.',
  }
}

function judgePrivileges({ seesStatistics, role }: NodeFacts): ProbeResult {
  if (seesStatistics) return { verdict: 'ok', found: `role "${role}" sees which timeline it streams` }
  return {
    verdict: 'warn',
    found: `role "${role}" does not see which timeline it streams`,
    fix: `On the primary: grant pg_monitor to "${role}"; so that after a failover reads return to it at once, not at its next restart point.`,
  }
}

function judgePooler(kind: 'none' | 'session' | 'transaction'): ProbeResult {
  if (kind === 'none') return { verdict: 'ok', found: 'no pooler in between' }
  return { verdict: 'ok', found: `a pooler in ${kind} mode, which is fine for the statements of an application` }
}

function judgeConnections({ connections }: ConfiguredNode, facts: NodeFacts): ProbeResult {
  if (!facts.direct) {
    return {
      verdict: 'ok',
      found: `${connections} a process, to a pooler: its own limits count (pgstrata pgbouncer works them out)`,
    }
  }
  const free = facts.maxConnections - facts.reservedConnections
  const limit = Math.min(free, facts.ownLimit ?? free)
  const found = `up to ${connections} a process, of ${limit} that role "${facts.role}" may have`
  const fit = Math.floor(limit / connections)
  if (fit < 1) {
    return {
      verdict: 'fail',
      found,
      fix: 'Lower `pool.max`, raise max_connections, or put a pooler in between (pgstrata pgbouncer).',
    }
  }
  if (fit > 1) return { verdict: 'ok', found: `${found}: enough for ${fit} processes` }
  return {
    verdict: 'warn',
    found: `${found}: enough for one process`,
    fix: 'Every process has a pool of its own. Where there are more, or one replaces another, lower `pool.max` or use a pooler (pgstrata pgbouncer).',
  }
}
