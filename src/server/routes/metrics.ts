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
    contentType: expositionType,
    handle: (_, { sources }) => sources.calls.exposition(),
  }),
]

/** Of servers only what this process measures itself: what another wrote down is a minute old, and its counters are differences. */
async function exposeAll({ sources, health, shared, clock }: RouteTools): Promise<string> {
  const { watch, calls } = sources
  const measured = watch === undefined ? [] : familiesOfLatest(watch.latest, await readTexts(watch, { shared, clock }))
  // Names of the one begin with db_, of the others with pgstrata_: no family comes twice.
  return calls.exposition() + formatExposition([...familiesOfProcess(sources, await health.read()), ...measured])
}

const hourMs = 3_600_000

/** A scrape does not fail for want of texts. */
async function readTexts(
  { store }: WatchSource,
  { shared, clock }: Pick<RouteTools, 'shared' | 'clock'>,
): Promise<ReadonlyMap<string, string>> {
  const toMs = clock.now()
  const asked = { from: new Date(toMs - hourMs), to: new Date(toMs), limit: 200 }
  const statements = await shared.ask('texts', () => store.statements(asked)).catch(() => [])
  return new Map(statements.flatMap(({ queryid, text }) => (text === null ? [] : [[queryid, text] as const])))
}
