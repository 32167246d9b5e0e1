// Hubs and clients for tests: what a client was sent, read as a browser would, and what it makes of it.

import { seededRandom } from '../../src/base/random.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { Hub, type LiveConnection } from '../../src/live/hub.ts'
import { defaultLimits, type LiveLimits, type LiveTable } from '../../src/live/options.ts'
import type { LiveSink } from '../../src/live/subscriber.ts'
import type { Declared, TopicSpec } from '../../src/live/topic.ts'
import type { Place, WireBatch, WireChange } from '../../src/live/wire.ts'
import { SseReader } from '../../src/live-client/sse-reader.ts'
import { fakeClock, type FakeClock } from '../support/fake-clock.ts'

export const item: LiveTable = {
  name: 'item',
  schema: 'public',
  table: 'item',
  columns: ['v'],
  filters: ['owner', 'room'],
  fixed: ['owner'],
}

export const epoch = 'aaaaaaaaaaaa'
export const place: Place = { epoch, systemId: '7', timeline: 1, lsn: 100n }

export interface TestHub {
  readonly hub: Hub
  readonly clock: FakeClock
}

export function testHub(limits: Partial<LiveLimits> = {}, declared: Partial<Declared> = {}): TestHub {
  const clock = fakeClock()
  const hub = new Hub({
    declared: { tables: [item], rollups: [], tops: [], ...declared },
    limits: { ...defaultLimits, ...limits },
    clock,
    random: seededRandom(1),
    logger: silentLogger,
  })
  return { hub, clock }
}

export function begun(limits?: Partial<LiveLimits>, declared?: Partial<Declared>): TestHub {
  const made = testHub(limits, declared)
  made.hub.accept({ type: 'reset', why: 'the feed begins', ...place })
  return made
}

export function batch(lsn: bigint, ...changes: readonly Partial<WireChange>[]): WireBatch {
  return { type: 'batch', epoch, lsn, atMs: 0, changes: changes.map((change, seq) => ({ ...base, seq, ...change })) }
}

const base: Omit<WireChange, 'seq'> = { schema: 'public', table: 'item', kind: 'update' }

/** Of row `id`. */
export function change(kind: WireChange['kind'], id: number, row: WireChange['row'] = {}): Partial<WireChange> {
  return { kind, key: { id: String(id) }, row: kind === 'delete' ? undefined : row }
}

export interface Told {
  readonly name: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface TestClient extends LiveSink {
  readonly told: Told[]
  readonly chunks: Buffer[]
  /** As a browser would send it. */
  readonly lastEventId: string | undefined
  /** Bytes it takes before it is full. */
  room: number
  state: 'open' | 'ended' | 'destroyed'
}

export function testClient(lastEventId?: string): TestClient {
  const reader = new SseReader(lastEventId)
  const client: TestClient = {
    told: [],
    chunks: [],
    room: Number.POSITIVE_INFINITY,
    state: 'open',
    get lastEventId() {
      return reader.lastEventId
    },
    write: (bytes) => {
      client.chunks.push(bytes)
      for (const { name, data } of reader.read(bytes))
        client.told.push({ name, data: JSON.parse(data) as Told['data'] })
      client.room -= bytes.length
      return client.room > 0
    },
    end: () => void (client.state = 'ended'),
    destroy: () => void (client.state = 'destroyed'),
  }
  return client
}

export function connect(
  { hub }: TestHub,
  client: TestClient,
  topics: readonly TopicSpec[] = [{ table: 'item' }],
  { lastEventId, address = '::1' }: { readonly lastEventId?: string | undefined; readonly address?: string } = {},
): LiveConnection {
  return hub.open({ topics: topics.map((topic) => hub.parse(topic)), lastEventId, address, sink: client })
}

/** 'update 1', 'changed', 'reset': what it was told after it was ready. */
export function brief({ told }: TestClient): string[] {
  return told
    .filter(({ name }) => name !== 'ready')
    .map(({ name, data }) => {
      if (name !== 'change') return name
      const key = data['key'] as Record<string, string> | undefined
      return [String(data['kind']), ...Object.values(key ?? {})].join(' ')
    })
}
