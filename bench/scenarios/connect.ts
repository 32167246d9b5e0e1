// A StrataPool over a primary and a replica against bare pg.Pool: what a statement costs, what tokens cost, how long one
// waits for a connection under load. Both in this process, on one cluster that is not durable: without fsync the servers are
// at their quickest, and what we add shows the most.

import pg from 'pg'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { measureRounds } from '../harness/rounds.ts'
import type { BenchContext, Comparison, Figure, Scenario, ScenarioResult, Unit } from '../harness/scenario.ts'
import { classifyVariant } from './connect/classify.ts'
import { loadVariants } from './connect/load.ts'
import { nodesOf, type Nodes } from './connect/nodes.ts'
import { roundTripVariant } from './connect/round-trips.ts'
import { throughputVariants } from './connect/throughput.ts'

const sizes = {
  full: { trivial: 3_000, writes: 1_500, sleeps: 1_500, rounds: 41, loads: 3, warmUpMs: 3_000, measuredMs: 12_000 },
  quick: { trivial: 2_000, writes: 1_000, sleeps: 800, rounds: 3, loads: 2, warmUpMs: 1_000, measuredMs: 4_000 },
}
const requestsPerSecond = 250

export const connectScenario: Scenario = {
  name: 'connect',
  title: 'Reads on replicas',
  against: 'pg.Pool',
  goals: {
    trivial_vs_pg: { atLeast: 0.97 },
    ms_read_vs_pg: { atLeast: 0.99 },
    token_round_trips: { atMost: 0 },
    classify_cached_us: { atMost: 2 },
    wait_p95_ms: { atMost: 10 },
  },
  run: async (context) => {
    const cluster = await startCluster({ replicas: 1, signal: context.signal })
    try {
      await createTable(cluster)
      return await measure(cluster, context)
    } finally {
      await cluster.stop()
    }
  },
}

async function measure(cluster: EmbeddedCluster, context: BenchContext): Promise<ScenarioResult> {
  const nodes = nodesOf(cluster)
  const samples = await takeSamples(nodes, context)
  const figure = (unit: Unit, title: string, name: string): Record<string, Figure> => ({
    [name]: { title, unit, samples: samples.get(name) ?? [] },
  })
  const us = (title: string, name: string): Record<string, Figure> => figure('us', title, name)
  return {
    postgres: cluster.version,
    figures: {
      ...us('trivial read on the replica, pg.Pool', 'pg_trivial_us'),
      ...us('trivial read, without tokens', 'trivial_us'),
      ...us("trivial read, this process's own writes are seen", 'trivial_process_us'),
      ...us('trivial read, in a session', 'trivial_session_us'),
      ...us('trivial read, told of on the diagnostics channels', 'trivial_told_us'),
      ...us('trivial read by connect() and release(), pg.Pool', 'pg_trivial_client_us'),
      ...us('trivial read by connect() and release()', 'trivial_client_us'),
      ...us('trivial read on the primary, pg.Pool', 'pg_single_us'),
      ...us('trivial read without replicas', 'single_us'),
      ...us('write by connect() and release(), pg.Pool', 'pg_write_us'),
      ...us('write by connect() and release(), without tokens', 'write_us'),
      ...us('write by connect() and release(), with its token', 'write_token_us'),
      ...us('1 ms read on the replica, pg.Pool', 'pg_ms_read_us'),
      ...us('1 ms read, without tokens', 'ms_read_us'),
      ...us('1 ms read, in a session', 'ms_read_session_us'),
      ...figure('count', 'round trips that a session adds to any operation', 'token_round_trips'),
      ...figure('us', 'classification of a statement that is known', 'classify_cached_us'),
      ...figure('ms', 'wait for a connection, 95th percentile: StrataPool of 50', 'wait_p95_ms'),
      ...figure('ms', 'the same: pg.Pool of 50', 'pg50_wait_p95_ms'),
      ...figure('ms', 'the same: pg.Pool of 20', 'pg20_wait_p95_ms'),
      ...figure('percent', 'requests that got no connection in a second: pg.Pool of 20', 'pg20_failed_pct'),
      ...figure('percent', 'requests that got no connection in a second: StrataPool of 50', 'failed_pct'),
      ...figure('percent', 'of 50 connections, in use (planned for: 60 %)', 'utilization_pct'),
      ...figure('percent', 'of that time, with a query under way (planned for: 95 %)', 'busy_share_pct'),
    },
    comparisons,
    notes: [
      `Ten statements are always under way; the times are those of one. Under load: ${requestsPerSecond} requests a second, whether or not the ones before are answered, each with three queries of 38.5 ms on average and 2 ms between them.`,
      'How reads grow with replicas is left out: primary, replicas and clients share the cores of one machine here.',
    ],
  }
}

async function takeSamples(nodes: Nodes, context: BenchContext): Promise<ReadonlyMap<string, readonly number[]>> {
  const { quick, signal, progress } = context
  const { rounds, loads, warmUpMs, measuredMs, ...counts } = quick ? sizes.quick : sizes.full
  const load = { perSecond: requestsPerSecond, warmUpMs, measuredMs, signal }
  const variants = [...throughputVariants(nodes, counts), await classifyVariant()]
  const slow = [roundTripVariant(nodes, progress), ...loadVariants(nodes, load)]
  if (!quick) {
    await measureRounds(variants, { rounds: 1, signal, progress: (line) => progress(`warm-up, ${line}`) })
  }
  return new Map([
    ...(await measureRounds(variants, { rounds, signal, progress })),
    ...(await measureRounds(slow, { rounds: loads, signal, progress })),
  ])
}

const comparisons: Readonly<Record<string, Comparison>> = {
  trivial_vs_pg: compare('trivial read on a replica', 'trivial_us', 'pg_trivial_us'),
  trivial_process_vs_pg: compare('… that sees what this process wrote', 'trivial_process_us', 'pg_trivial_us'),
  trivial_session_vs_pg: compare('… that sees what its session wrote (tokens)', 'trivial_session_us', 'pg_trivial_us'),
  trivial_told_vs_pg: compare('… told of on the diagnostics channels', 'trivial_told_us', 'pg_trivial_us'),
  trivial_client_vs_pg: compare('… by connect() and release()', 'trivial_client_us', 'pg_trivial_client_us'),
  trivial_single_vs_pg: compare('trivial read, no replicas configured', 'single_us', 'pg_single_us'),
  ms_read_vs_pg: compare('1 ms read on a replica', 'ms_read_us', 'pg_ms_read_us'),
  ms_read_session_vs_pg: compare('… that sees what its session wrote (tokens)', 'ms_read_session_us', 'pg_ms_read_us'),
  write_vs_pg: compare('write by connect() and release()', 'write_us', 'pg_write_us'),
  write_token_vs_pg: compare('… with its token', 'write_token_us', 'pg_write_us'),
}

function compare(title: string, ours: string, theirs: string): Comparison {
  return { title, ours, theirs }
}

async function createTable(cluster: EmbeddedCluster): Promise<void> {
  const client = new pg.Client(cluster.primary.url())
  await client.connect()
  await client.query('create table written (n int4)')
  await client.end()
}
