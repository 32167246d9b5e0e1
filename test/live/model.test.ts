// Clients that are full, are cut off, come back here or to another process, and lose what they are served by, against what is
// true: whatever happened, at the end each knows the last value of every row that it watches.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LiveConnection } from '../../src/live/hub.ts'
import type { TopicSpec } from '../../src/live/topic.ts'
import type { WireMessage } from '../../src/live/wire.ts'
import { checkProperty } from '../support/property.ts'
import {
  batch,
  change,
  connect,
  epoch,
  place,
  testClient,
  testHub,
  type TestClient,
  type TestHub,
  type Told,
} from './support.ts'

interface Row {
  readonly room: string
  readonly v: string
}
type Table = Map<string, Row>

const ids = [1, 2, 3, 4]
const rooms = ['a', 'b']

type Op =
  | { readonly type: 'put'; readonly id: number; readonly room: string }
  | { readonly type: 'rename'; readonly id: number; readonly to: number }
  | { readonly type: 'delete'; readonly id: number }
  | { readonly type: 'truncate' }
  | { readonly type: 'full' | 'drain' | 'cut' | 'move'; readonly client: number }
  | { readonly type: 'repeat' }
  | { readonly type: 'lose' }
  | { readonly type: 'lag' }
  | { readonly type: 'catch up' }
  | { readonly type: 'wait'; readonly ms: number }

const client = fc.nat(2)
const id = fc.constantFrom(...ids)
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('put' as const), id, room: fc.constantFrom(...rooms) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('rename' as const), id, to: id }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), id }) },
  { weight: 1, arbitrary: fc.constant({ type: 'truncate' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom('full', 'drain', 'cut', 'move'), client }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Op>({ type: 'repeat' }, { type: 'lose' }, { type: 'lag' }, { type: 'catch up' }),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(10, 50, 200, 16_000) }) },
)

/** What a client makes of what it is told: a page that fetches what it is told to fetch. */
class Page {
  readonly topic: TopicSpec
  readonly #holds: (id: string, row: Row) => boolean
  readonly #truth: Table
  known = new Map<string, string>()
  #read = 0
  transport: TestClient
  connection: LiveConnection | undefined
  process = 0

  constructor(topic: TopicSpec, holds: (id: string, row: Row) => boolean, truth: Table) {
    this.topic = topic
    this.#holds = holds
    this.#truth = truth
    this.transport = testClient()
  }

  get truth(): Map<string, string> {
    return new Map([...this.#truth].filter(([id, row]) => this.#holds(id, row)).map(([id, { v }]) => [id, v]))
  }

  connect(processes: readonly TestHub[]): void {
    const lastEventId = this.transport.lastEventId
    this.connection?.close()
    this.transport = testClient(lastEventId)
    this.#read = 0
    const hub = processes[this.process]
    if (hub !== undefined) this.connection = connect(hub, this.transport, [this.topic], { lastEventId })
  }

  /** Reads what has come. */
  read(): void {
    const { told } = this.transport
    for (const one of told.slice(this.#read)) this.#take(one)
    this.#read = told.length
  }

  #take({ name, data }: Told): void {
    const isFetch = name === 'reset' || (name === 'ready' && data['state'] === 'new') || data['kind'] === 'changed'
    if (isFetch) this.known = this.truth
    else if (data['kind'] === 'truncate') this.known.clear()
    else if (name === 'change') {
      const { id = '' } = data['key'] as Record<string, string>
      const { v = '' } = (data['row'] ?? {}) as Record<string, string>
      if (data['kind'] === 'delete') this.known.delete(id)
      else this.known.set(id, v)
    }
  }
}

class World {
  readonly truth: Table = new Map()
  readonly processes: readonly TestHub[]
  readonly pages: readonly Page[]
  /** What the second process has yet to be told. */
  readonly #late: WireMessage[] = []
  #isLate = false
  #lsn = 100n
  #value = 0
  #last: WireMessage | undefined

  constructor() {
    const limits = { queueEvents: 3, ringEvents: 6, stallMs: 1e12, aheadMs: 1_000 }
    this.processes = [testHub(limits), testHub(limits)]
    this.tell({ type: 'reset', why: 'the feed begins', ...place })
    this.pages = [
      new Page({ table: 'item' }, () => true, this.truth),
      new Page({ table: 'item', where: { room: 'a' } }, (_, { room }) => room === 'a', this.truth),
      new Page({ table: 'item', key: { id: [1, 2] } }, (id) => id === '1' || id === '2', this.truth),
    ]
    for (const page of this.pages) page.connect(this.processes)
  }

  tell(message: WireMessage): void {
    this.processes[0]?.hub.accept(message)
    if (this.#isLate) this.#late.push(message)
    else this.processes[1]?.hub.accept(message)
    this.#last = message
  }

  catchUp(): void {
    for (const message of this.#late.splice(0)) this.processes[1]?.hub.accept(message)
    this.#isLate = false
  }

  readAll(): void {
    for (const page of this.pages) page.read()
  }

  act(op: Op): void {
    if ('client' in op) this.#disturb(op.type, op.client)
    else if (op.type === 'wait') for (const { clock } of this.processes) clock.advance(op.ms)
    else if (op.type === 'lag') this.#isLate = true
    else if (op.type === 'catch up') this.catchUp()
    else if (op.type === 'repeat') {
      if (this.#last !== undefined) this.tell(this.#last.type === 'batch' ? this.#last : batch(1n))
    } else if (op.type === 'lose') this.#lose()
    else this.#write(op)
    this.readAll()
  }

  #disturb(type: 'full' | 'drain' | 'cut' | 'move', index: number): void {
    const page = this.pages[index]
    if (page === undefined) return
    if (type === 'full') page.transport.room = 0
    else if (type === 'drain') this.#drain(page)
    else {
      if (type === 'move') page.process = 1 - page.process
      page.connect(this.processes)
    }
  }

  #drain(page: Page): void {
    page.transport.room = Number.POSITIVE_INFINITY
    page.connection?.drained()
  }

  #lose(): void {
    this.catchUp()
    for (const { hub } of this.processes) {
      hub.lose('it fell behind')
      hub.settle({ ...place, lsn: this.#lsn })
    }
  }

  #write(op: Extract<Op, { type: 'put' | 'rename' | 'delete' | 'truncate' }>): void {
    this.#lsn += 10n
    if (op.type === 'truncate') {
      this.truth.clear()
      return this.tell(batch(this.#lsn, { kind: 'truncate' }))
    }
    const key = String(op.id)
    const before = this.truth.get(key)
    if (op.type === 'put') {
      const row = { room: op.room, v: String(++this.#value) }
      this.truth.set(key, row)
      return this.tell(batch(this.#lsn, change(before === undefined ? 'insert' : 'update', op.id, { ...row })))
    }
    if (before === undefined) return
    if (op.type === 'delete') {
      this.truth.delete(key)
      return this.tell(batch(this.#lsn, change('delete', op.id)))
    }
    if (this.truth.has(String(op.to))) return
    this.truth.delete(key)
    this.truth.set(String(op.to), before)
    this.tell(batch(this.#lsn, { ...change('update', op.to, { ...before }), keyBefore: { id: key } }))
  }

  /** Everything that was held up arrives. */
  finish(): void {
    this.catchUp()
    for (const page of this.pages) this.#drain(page)
    for (let beat = 0; beat < 4; beat++) for (const { clock } of this.processes) clock.advance(16_000)
    this.readAll()
  }
}

test('at the end every client knows the last value of every row it watches', async () => {
  await checkProperty(
    'live clients',
    fc.array(op, { minLength: 1, maxLength: 80 }),
    (ops) => {
      const world = new World()
      for (const one of ops) world.act(one)
      world.finish()
      for (const page of world.pages) expect(page.known).toEqual(page.truth)
      // A client that has everything stands at the head, so nothing is sent twice.
      for (const page of world.pages) expect(page.transport.lastEventId?.startsWith(epoch)).toBe(true)
    },
    { runs: 500 },
  )
}, 60_000)
