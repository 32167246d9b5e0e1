// Watching: what observing every statement costs an application, and what probing costs a server.

import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { figuresOf, mergeParts, type Part } from '../harness/part.ts'
import { measureRounds } from '../harness/rounds.ts'
import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import { withClient } from '../support/with-client.ts'
import { onVsOffVariants } from './watch/on-vs-off.ts'
import { measureProbeShare } from './watch/probe-share.ts'

const sizes = {
  full: { rounds: 31, statements: 40_000, recordings: 1_000_000 },
  quick: { rounds: 5, statements: 10_000, recordings: 300_000 },
}

export const watchScenario: Scenario = {
  name: 'watch',
  title: 'Watching',
  against: 'unobserved',
  goals: {
    on_vs_off: { atLeast: 0.98 },
    record_us: { atMost: 1 },
    probe_core_share: { atMost: 0.01 },
  },
  run: async (context) => {
    const cluster = await startCluster({ signal: context.signal, preload: ['pg_stat_statements'] })
    try {
      const parts = [await measureApplication(cluster, context), await measureProbeShare(cluster, context)]
      return { postgres: cluster.version, ...mergeParts(parts), notes }
    } finally {
      await cluster.stop()
    }
  },
}

const notes: ScenarioResult['notes'] = [
  'Server and application share the cores, over loopback, ten statements always under way: the application is what is short, so whatever it does besides shows. In each round one pool takes turns of 1,000 statements, observed and not, each coming first every other time: two pools would differ by where the system puts their backends more than by what is measured.',
  'Probes are asked at their default intervals for five minutes, each a sample; in the first of them every probe is asked, also those that come once an hour. It is a database with 300 tables and four busy clients; what counts is the processor time of the backends that answer them, and of those that store the answers.',
]

async function measureApplication(cluster: EmbeddedCluster, context: BenchContext): Promise<Part> {
  const { signal, progress, quick } = context
  const { rounds, ...counts } = quick ? sizes.quick : sizes.full
  const url = await cluster.createDatabase('watched')
  await withClient(url, async (client) => {
    await client.query(
      "create table watched as select n, 'word' as word from generate_series(0, 999) n; create unique index on watched (n)",
    )
  })
  const variants = onVsOffVariants(url, counts)
  await measureRounds(variants, { rounds: 1, signal, progress: (line) => progress(`warm-up, ${line}`) })
  const samples = await measureRounds(variants, { rounds, signal, progress })
  return {
    figures: figuresOf(samples, {
      on_us: ['us', 'the cheapest statement, with a monitor on the pool'],
      off_us: ['us', 'the cheapest statement, without one'],
      transaction_on_us: ['us', 'a transaction of five statements, with a monitor on the pool'],
      transaction_off_us: ['us', 'a transaction of five statements, without one'],
      record_us: ['us', 'recording one statement'],
    }),
    comparisons: {
      on_vs_off: { title: 'the cheapest statement', ours: 'on_us', theirs: 'off_us' },
      transaction_on_vs_off: {
        title: 'a transaction of five statements',
        ours: 'transaction_on_us',
        theirs: 'transaction_off_us',
      },
    },
  }
}
