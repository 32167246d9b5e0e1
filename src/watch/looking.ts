// Looks at servers now, for one person: the probes of a page, in this process, whoever else measures. Nothing is stored.
// State: what was measured last, and the texts of 10,000 statements, as much of each as a page shows.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { Latest } from './model/latest.ts'
import type { QueryText, StatementRow } from './model/rows.ts'
import type { NodeFacts, ServerProbe } from './model/server-probe.ts'
import { NodeSampler, type SampledNode } from './sampler/node-sampler.ts'

export interface LookOptions {
  readonly nodes: readonly SampledNode[]
  readonly probes: readonly ServerProbe[]
  /** How often a page is drawn: what changes fast is asked as often. */
  readonly everyMs: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** What statements came to between two readings. */
interface LookedStatement extends StatementRow {
  readonly text: string | undefined
  readonly seconds: number
}

export interface Look {
  readonly latest: Latest
  facts(node: string): NodeFacts | undefined
  /** Between the last two readings of that server, those that took most first; '0' is all others. */
  statements(node: string): readonly LookedStatement[]
  start(): void
  stop(): Promise<void>
}

/** Of a page; the others are not asked. Those that are cheap as often as it is drawn, statements less. */
const slowestMs: Readonly<Record<string, number>> = {
  up: 0,
  activity: 0,
  connections: 0,
  locks: 0,
  cpu: 0,
  replication: 0,
  database: 0,
  wal: 0,
  statements: 2_000,
}

/** As many as probes remember to have asked for: one that was dropped here is asked for again. */
const mostTexts = 10_000
const mostCharacters = 500

export function createLook({ nodes, probes, everyMs, ...tools }: LookOptions): Look {
  const latest = new Latest(tools.clock)
  const statements = new Map<string, readonly LookedStatement[]>()
  const texts = new Map<string, string>()
  const keep = ({ queryid, text }: QueryText): void => {
    texts.delete(queryid)
    texts.set(queryid, text.slice(0, mostCharacters))
    const [oldest] = texts.keys()
    if (texts.size > mostTexts && oldest !== undefined) texts.delete(oldest)
  }
  const samplers = nodes.map((node) => ({
    name: node.name,
    sampler: new NodeSampler(node, probes, {
      ...tools,
      everyMs: ({ name }) => {
        const slowest = slowestMs[name]
        return slowest === undefined ? undefined : name === 'activity' ? 1_000 : Math.max(1_000, everyMs, slowest)
      },
      onTaken: (taken) => {
        latest.note(taken)
        for (const text of taken.reading?.texts ?? []) keep(text)
        const { elapsedSeconds: seconds } = taken
        if (taken.reading?.statements === undefined || seconds === undefined) return
        const rows = taken.reading.statements.map((row) => ({ ...row, text: texts.get(row.queryid), seconds }))
        statements.set(node.name, rows)
      },
    }),
  }))
  return {
    latest,
    facts: (node) => samplers.find(({ name }) => name === node)?.sampler.facts,
    statements: (node) => statements.get(node) ?? [],
    start: () => {
      for (const { sampler } of samplers) sampler.start()
    },
    stop: async () => void (await Promise.all(samplers.map(({ sampler }) => sampler.stop()))),
  }
}
