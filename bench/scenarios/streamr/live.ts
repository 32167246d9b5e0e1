// From the moment a probe is to be written until a page has parsed what became of it: a thousand pages of one stream in one process, the
// service in another, and probes written by the prober's own statements, under its lease, from this one.

import { acquireLease, releaseLease, type Lease } from 'pgstrata'
import { openDatabase } from '../../../examples/streamr/src/database.ts'
import type { Observation } from '../../../examples/streamr/src/prober/observation.ts'
import { resolveSettings } from '../../../examples/streamr/src/prober/settings.ts'
import { writeObservations } from '../../../examples/streamr/src/prober/write-observations.ts'
import type { StreamrStrata } from '../../../examples/streamr/src/strata.ts'
import { measureRounds } from '../../harness/rounds.ts'
import type { Samples } from '../../harness/part.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { startChild, type Child } from '../../support/child.ts'
import { createRandom } from '../../support/open-loop.ts'
import type { KeptServer } from '../../support/kept-server.ts'
import { withStreamr } from './database.ts'
import type { Heard, PagesInput } from './pages.ts'
import type { ServiceInput, ServiceReady } from '../../support/http-service.ts'

export interface LiveSizes {
  readonly rounds: number
  readonly pages: number
  readonly warmUpMs: number
  readonly measuredMs: number
}

/** Probes a second; every other one is of a node of the stream that the pages show. */
export const probesPerSecond = 20
const leaseMs = 600_000
/** Without any event: then none is under way any more. */
const silentMs = 3_000
const leastShare = 0.9

interface Shown {
  readonly streamId: string
  readonly nodeIds: readonly string[]
  readonly others: readonly { readonly streamId: string; readonly nodeId: string }[]
}

export async function measureLive({ url }: KeptServer, sizes: LiveSizes, context: BenchContext): Promise<Samples> {
  const { rounds, pages, warmUpMs, measuredMs } = sizes
  const { signal, progress } = context
  return await withStreamr(url, async (strata) => {
    const shown = await readShown(strata)
    const service = await startChild<ServiceReady>(new URL('service.ts', import.meta.url), {
      url,
    } satisfies ServiceInput)
    try {
      const input: PagesInput = { port: service.ready.port, pages, streamId: shown.streamId }
      const heard = await startChild<object>(new URL('pages.ts', import.meta.url), input)
      try {
        return await underLease(strata, async (lease) => {
          const write = createWriter(strata, { lease, shown, signal })
          await hear(heard, pages * (await write(warmUpMs)))
          const run = async () => {
            const { p50Ms, p99Ms } = await hear(heard, pages * (await write(measuredMs)))
            return { probe_to_page_p50_ms: p50Ms, probe_to_page_p99_ms: p99Ms }
          }
          return await measureRounds([{ name: 'live', run }], { rounds, signal, progress })
        })
      } finally {
        await heard.stop()
      }
    } finally {
      await service.stop()
    }
  })
}

async function readShown(strata: StreamrStrata): Promise<Shown> {
  const { rows } = await strata.pool.query<{ stream_id: string; node_id: string }>(`
    select stream_id, node_id
    from nodes
    where status <> 'SUSPENDED'
    order by count(*) over (partition by stream_id) desc, stream_id, node_id`)
  const streamId = rows[0]?.stream_id ?? ''
  const [own, others] = [true, false].map((isOwn) => rows.filter((row) => (row.stream_id === streamId) === isOwn))
  return {
    streamId,
    nodeIds: own?.map(({ node_id }) => node_id) ?? [],
    others: others?.map((row) => ({ streamId: row.stream_id, nodeId: row.node_id })) ?? [],
  }
}

async function underLease<T>({ db }: StreamrStrata, work: (lease: Lease) => Promise<T>): Promise<T> {
  const lease = await acquireLease(db, { name: 'streamr prober', holder: 'bench', durationMs: leaseMs })
  if (lease === undefined) throw new Error('Expected no prober beside the bench, and one has the lease')
  try {
    return await work(lease)
  } finally {
    await releaseLease(db, lease)
  }
}

interface WriterOptions {
  readonly lease: Lease
  readonly shown: Shown
  readonly signal: AbortSignal
}

/** Writes for so long, at its times; returns how many probes were of the stream that is shown. */
function createWriter(
  strata: StreamrStrata,
  { lease, shown, signal }: WriterOptions,
): (forMs: number) => Promise<number> {
  const db = openDatabase(strata)
  const { fraud } = resolveSettings()
  const random = createRandom(11)
  const pick = <T>(of: readonly T[]): T | undefined => of[Math.floor(random() * of.length)]
  const next = (index: number): { readonly streamId: string; readonly nodeId: string } =>
    (index % 2 === 0 ? undefined : pick(shown.others)) ?? {
      streamId: shown.streamId,
      nodeId: pick(shown.nodeIds) ?? '',
    }
  return async (forMs) => {
    const begun = performance.now()
    const running: Promise<void>[] = []
    let ofShown = 0
    for (let index = 0; index < (forMs * probesPerSecond) / 1_000; index++) {
      signal.throwIfAborted()
      const aheadMs = (index * 1_000) / probesPerSecond - (performance.now() - begun)
      if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs))
      const probed = next(index)
      if (probed.streamId === shown.streamId) ofShown++
      running.push(write(probed))
    }
    await Promise.all(running)
    return ofShown
  }
  async function write(of: { readonly streamId: string; readonly nodeId: string }): Promise<void> {
    const observations = [observationOf(of, Date.now())]
    const written = await writeObservations({ db, lease, fraud, observations, isRepeat: false })
    if (written === undefined) throw new Error('Expected the lease to stand, and it was lost')
  }
}

function observationOf(of: { readonly streamId: string; readonly nodeId: string }, atMs: number): Observation {
  const result = { type: 'stats_poll', success: true, data: '{"viewers":3,"kbps":4200}', error: null } as const
  return { ...of, atMs, result, heartbeat: { atMs, isFresh: true }, found: [], cleared: [] }
}

/** When all events are there, or none has come for a while: two of one node within milliseconds become one, and no more may be missing. */
async function hear(pages: Child<object>, expected: number): Promise<Heard> {
  let heard: Heard = await pages.ask('heard')
  let changedMs = performance.now()
  while (heard.events < expected && performance.now() - changedMs < silentMs) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const now: Heard = await pages.ask('heard')
    if (now.events > heard.events) changedMs = performance.now()
    heard = now
  }
  await pages.ask('forget')
  if (heard.events < expected * leastShare)
    throw new Error(`Expected about ${expected} events at the pages, and ${heard.events} came`)
  return heard
}
