// Live events: how long after a commit a client has them, with a thousand clients and two hundred writes a second; and what
// capturing changes costs those who write. Beside it what one would write by hand: a trigger with NOTIFY, LISTEN in the server,
// and a text for each client.

import { startCluster, type ClusterOptions, type EmbeddedCluster } from 'pgstrata/embedded'
import { measureRounds, type Variant } from '../harness/rounds.ts'
import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import { latencyVariants } from './live/latency.ts'
import { writerVariants } from './live/writers.ts'
import { figuresOf, type Samples } from '../harness/part.ts'

const clients = { some: 800, all: 150, list: 50 }
const perSecond = 200
const sizes = {
  full: { rounds: 5, warmUpMs: 2_000, measuredMs: 6_000, writeMs: 3_000 },
  quick: { rounds: 1, warmUpMs: 1_000, measuredMs: 3_000, writeMs: 1_500 },
}
const settings = { wal_level: 'logical', max_slot_wal_keep_size: '1GB', max_connections: '100' }

export const liveScenario: Scenario = {
  name: 'live',
  title: 'Live events',
  against: 'NOTIFY by hand',
  goals: { live_p99_ms: { atMost: 100 } },
  run: async (context) => {
    const { writeMs, ...measured } = context.quick ? sizes.quick : sizes.full
    const load = { clients, perSecond, ...measured }
    const latency = await onCluster({}, context, (cluster) => latencyVariants(cluster, load, context.signal))
    const writing = await onCluster({ durable: true }, context, (cluster) => writerVariants(cluster, writeMs))
    return describe(new Map([...latency.samples, ...writing.samples]), latency.version)
  },
}

async function onCluster(
  options: ClusterOptions,
  { signal, progress, quick }: BenchContext,
  open: (cluster: EmbeddedCluster) => readonly Variant[],
): Promise<{ readonly samples: Samples; readonly version: string }> {
  const { rounds } = quick ? sizes.quick : sizes.full
  const cluster = await startCluster({ settings, signal, ...options })
  try {
    return { samples: await measureRounds(open(cluster), { rounds, signal, progress }), version: cluster.version }
  } finally {
    await cluster.stop()
  }
}

function describe(samples: Samples, postgres: string): ScenarioResult {
  return {
    postgres,
    figures: figuresOf(samples, {
      live_p50_ms: ['ms', 'commit to client, median'],
      notify_p50_ms: ['ms', 'commit to client, median, by hand'],
      live_p99_ms: ['ms', 'commit to client, 99th percentile'],
      notify_p99_ms: ['ms', 'commit to client, 99th percentile, by hand'],
      write_plain_us: ['us', 'a write, nothing captured'],
      write_wal_us: ['us', 'a write, captured from the WAL'],
      write_outbox_us: ['us', 'a write, captured in an outbox'],
      write_notify_us: ['us', 'a write, with a trigger that notifies'],
    }),
    comparisons: {
      live_p50: { title: 'commit to client, median', ours: 'live_p50_ms', theirs: 'notify_p50_ms' },
      live_p99: { title: 'commit to client, 99th percentile', ours: 'live_p99_ms', theirs: 'notify_p99_ms' },
      wal_vs_notify: { title: 'a write, from the WAL', ours: 'write_wal_us', theirs: 'write_notify_us' },
      outbox_vs_notify: { title: 'a write, with the outbox', ours: 'write_outbox_us', theirs: 'write_notify_us' },
      wal_vs_plain: {
        title: 'a write, from the WAL; beside nothing at all',
        ours: 'write_wal_us',
        theirs: 'write_plain_us',
      },
      outbox_vs_plain: {
        title: 'a write, with the outbox; beside nothing at all',
        ours: 'write_outbox_us',
        theirs: 'write_plain_us',
      },
    },
    notes: [
      `${clients.some} clients watch five songs each, ${clients.all} every song, ${clients.list} the list of the twenty that are played most; ${perSecond} writes a second to 1,000 songs. Server, clients and PostgreSQL are processes of their own and share the cores. Ours gathers the events of a client for 10 to 50 ms, by hand each goes out at once. Lists are load and not in the times: ours follows the merges of its rollup, a second behind.`,
      'What a write takes: 16 writers on 8 connections, durable; wal_level is logical in all of them.',
    ],
  }
}
