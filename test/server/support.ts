// A server with everything in it that routes ask for, of which each test says what differs.

import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Logger } from '../../src/base/logger.ts'
import type { AuditedCall } from '../../src/catalog/audit.ts'
import type { ServerSettings } from '../../src/config/server.ts'
import { openServer, type StrataServer } from '../../src/server/server.ts'
import type { Sources } from '../../src/server/sources.ts'
import { Latest, type Metric } from '../../src/watch/index.ts'

export const readToken = 'read-token-of-the-test'
export const manageToken = 'manage-token-of-the-test'

const settings: ServerSettings = {
  host: '127.0.0.1',
  port: 0,
  tokens: { read: [], manage: [] },
  connections: 2_000,
  requestTimeoutMs: 10_000,
  graceMs: 2_000,
}

export const guarded: ServerSettings['tokens'] = {
  read: [{ name: 'reader', token: readToken }],
  manage: [{ name: 'operator', token: manageToken }],
}

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

interface Audited extends AuditedCall {
  outcome: string
}

export interface Fake {
  readonly sources: Sources
  readonly audited: Audited[]
  readonly logged: { readonly message: string; readonly fields: unknown }[]
  readonly logger: Logger
}

const at = new Date('2026-11-22T00:00:00Z')

export function fakeSources(differs: Partial<Sources> = {}): Fake {
  const audited: Audited[] = []
  const logged: Fake['logged'] = []
  const note = (message: string, fields?: unknown): void => void logged.push({ message, fields })
  const sources: Sources = {
    version: '0.0.0',
    health: {
      ask: async () => ({ isReplica: false }),
      askPool: undefined,
      nodes: async () => [],
      replicas: [],
      redis: () => 'none',
      feed: undefined,
      jobs: async () => [],
      close: async () => undefined,
    },
    nodes: async () => [
      { node: 'primary', target: 'me@here:1/db', role: 'primary', timeline: 1, position: '0/1', lagMs: 0 },
    ],
    pool: { stats: () => [] },
    cache: { stats: () => ({ namespaces: {}, bytes: 0, redis: 'none' }), clear: async () => 'everywhere' },
    jobs: {
      list: async () => [],
      history: async () => [],
      runNow: async (job) => ({
        job,
        tick: at,
        attempt: 1,
        manual: true,
        state: 'done',
        did: 'it',
        warnings: [],
        failure: null,
        durationMs: 1.5,
      }),
    },
    partitions: { status: async () => [] },
    rollups: { status: async () => [] },
    views: { status: async () => [] },
    tiers: { status: async () => [], request: async () => undefined },
    archives: async () => [],
    backup: undefined,
    audit: {
      begin: async (call) => String(audited.push({ ...call, outcome: 'begun' }) - 1),
      end: async (id, outcome) => {
        const row = audited[Number(id)]
        if (row !== undefined) row.outcome = outcome
      },
    },
    calls: {
      summary: (windowMs) => ({
        windowMs,
        count: 0,
        errors: 0,
        errorRate: 0,
        rate: 0,
        avgDuration: 0,
        p50Duration: 0,
        p95Duration: 0,
        p99Duration: 0,
        maxDuration: 0,
      }),
      slowest: () => [],
      exposition: () => '',
    },
    askDatabase: async () => ({}),
    live: undefined,
    watch: undefined,
    alerts: undefined,
    findings: async () => ({ score: null, findings: [], notAsked: [], silent: [] }),
    explain: async () => ({ plan: {}, insights: [], suggestions: [] }),
    ...differs,
  }
  return { sources, audited, logged, logger: { debug: () => undefined, info: note, warn: note } }
}

export interface Served extends Fake {
  readonly url: string
  readonly port: number
  readonly server: StrataServer
}

export async function serve(
  differs: Partial<ServerSettings> = {},
  sources: Partial<Sources> = {},
  clock = systemClock,
): Promise<Served> {
  const fake = fakeSources(sources)
  const server = await openServer({ ...settings, ...differs }, { sources: fake.sources, clock, logger: fake.logger })
  onTestFinished(() => server.close())
  const url = await server.listen()
  return { ...fake, url, port: Number(new URL(url).port), server }
}

/** Readings of these metrics, as a sampler would note them. */
export function latestOf(
  readings: readonly {
    readonly metric: Metric
    readonly node?: string
    readonly labels?: readonly string[]
    readonly value: number
  }[],
  details: Readonly<Record<string, unknown>> = {},
): Latest {
  const latest = new Latest(systemClock)
  const atMs = systemClock.now()
  for (const node of new Set(readings.map((one) => one.node ?? 'primary'))) {
    latest.note({
      state: {
        node,
        probe: 'test',
        atMs,
        everyMs: 15_000,
        tookMs: 1,
        unavailable: undefined,
        failure: undefined,
        detail: undefined,
      },
      series: readings
        .filter((one) => (one.node ?? 'primary') === node)
        .map(({ metric, labels = [], value }) => ({ node, metric, labels, value, perSecond: undefined, atMs })),
    })
  }
  for (const [probe, detail] of Object.entries(details)) {
    latest.note({
      state: {
        node: 'primary',
        probe,
        atMs,
        everyMs: 15_000,
        tookMs: 1,
        unavailable: undefined,
        failure: undefined,
        detail,
      },
      series: [],
    })
  }
  return latest
}
