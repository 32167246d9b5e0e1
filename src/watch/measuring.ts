// What runs while the lease is held: a sampler for every server and everything else that is asked, and the writer of the store.
// What must be true: probes are made anew for it, so that their first answer adds nothing. What was counted since another one held the lease,
// that one has stored; what nobody looked at in between is stored by nobody.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Db } from '../db/db.ts'
import type { Lease } from '../db/lease.ts'
import type { Latest } from './model/latest.ts'
import type { NodeFacts, ServerProbe } from './model/server-probe.ts'
import { NodeSampler, type SampledNode, type SamplerTools } from './sampler/node-sampler.ts'
import { OtherSampler, type OtherNode } from './sampler/other-sampler.ts'
import type { Taken } from './sampler/taken.ts'
import { StoreWriter } from './store/writer.ts'

export interface Measuring {
  facts(node: string): NodeFacts | undefined
  dropped(): number
  hurry(): void
  /** Ends all questions, and writes what was answered. */
  stop(): Promise<void>
}

export interface MeasuringOptions {
  readonly db: Db
  readonly settings: {
    readonly every: Readonly<Record<string, number | 'off'>>
    readonly hoursMs: number
  }
  readonly nodes: readonly SampledNode[]
  readonly probes: () => readonly ServerProbe[]
  readonly others: readonly OtherNode[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Undefined: it is not asked. */
export function everyMsOf(
  { name, everyMs }: ServerProbe,
  { every }: Pick<MeasuringOptions['settings'], 'every'>,
): number | undefined {
  const said = every[name]
  return said === 'off' ? undefined : (said ?? everyMs)
}

/** Their points stand in the store already. */
const storedByApplications: ReadonlySet<string> = new Set(['applications'])

export function startMeasuring(
  { db, settings, nodes, probes, others, ...rest }: MeasuringOptions,
  { latest, lease }: { readonly latest: Latest; readonly lease: () => Lease | undefined },
): Measuring {
  const writer = new StoreWriter({ db, lease, keptMs: settings.hoursMs, except: storedByApplications, ...rest })
  let isEnded = false
  const tools: SamplerTools = {
    ...rest,
    everyMs: (probe) => everyMsOf(probe, settings),
    onTaken: (taken: Taken) => {
      if (isEnded) return
      latest.note(taken)
      writer.take(taken)
    },
  }
  const ours = probes()
  const servers = nodes.map((node) => ({ name: node.name, sampler: new NodeSampler(node, ours, tools) }))
  const samplers = [...servers.map(({ sampler }) => sampler), ...others.map((other) => new OtherSampler(other, tools))]
  for (const sampler of samplers) sampler.start()
  writer.start()
  return {
    facts: (node) => servers.find(({ name }) => name === node)?.sampler.facts,
    dropped: () => writer.dropped,
    hurry: () => {
      for (const sampler of samplers) sampler.hurry()
    },
    stop: async () => {
      await Promise.all(samplers.map((sampler) => sampler.stop()))
      isEnded = true
      await writer.stop()
      // It says nothing of now, once nobody asks any more.
      for (const { node, probe } of latest.states()) latest.forget(node, probe)
    },
  }
}
