// What Prometheus scrapes.

import { expositionType, familiesOfLatest, formatExposition } from '../../watch/index.ts'
import { textRoute, type Route, type RouteTools } from '../route.ts'
import type { WatchSource } from '../sources.ts'
import { familiesOfProcess } from './process-families.ts'

export const metricsRoutes: readonly Route[] = [
  textRoute({
    method: 'GET',
    path: '/metrics',
    group: 'metrics',
    summary: 'All that is measured of servers, and of this process, for Prometheus.',
    access: 'read',
    cache: 'none',
    asks: 'nothing',
    contentType: expositionType,
    handle: (_, tools) => exposeAll(tools),
  }),
  textRoute({
    method: 'GET',
    path: '/metrics/database',
    group: 'metrics',
    summary: 'What this process saw of its own calls, its pool and its cache, for Prometheus.',
    access: 'read',
    cache: 'none',
    asks: 'nothing',
    contentType: expositionType,
    handle: (_, { sources }) => sources.calls.exposition(),
  }),
]

/** Of servers only what this process measures itself: otherwise who scrapes both would have everything twice. */
async function exposeAll({ sources, health, shared, clock }: RouteTools): Promise<string> {
  const { watch, calls } = sources
  const measured = watch === undefined ? [] : familiesOfLatest(watch.latest, await readTexts(watch, { shared, clock }))
  // Names of the one begin with db_, of the others with pgstrata_: no family comes twice.
  return calls.exposition() + formatExposition([...familiesOfProcess(sources, await health.read()), ...measured])
}

const hourMs = 3_600_000

type Texts = ReadonlyMap<string, string>

/** Those of the scrape before, for the next one where they cannot be read. */
const lastTexts = new WeakMap<WatchSource, Texts>()

/** A scrape does not fail for want of texts, and its series do not come and go with them. */
async function readTexts(watch: WatchSource, { shared, clock }: Pick<RouteTools, 'shared' | 'clock'>): Promise<Texts> {
  const toMs = clock.now()
  const asked = { from: new Date(toMs - hourMs), to: new Date(toMs), limit: 200 }
  const read = async (): Promise<Texts> => {
    const statements = await watch.store.statements(asked)
    return new Map(statements.flatMap(({ queryid, text }) => (text === null ? [] : [[queryid, text] as const])))
  }
  const texts = await shared.ask('texts', read).catch(() => lastTexts.get(watch) ?? new Map<string, string>())
  lastTexts.set(watch, texts)
  return texts
}
