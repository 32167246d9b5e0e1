// Between a prober and its database: batches that fail and are tried again, a lease that is lost, a prober that takes over, another that
// is closed. Nothing that was said to be written is missing, nothing is written twice.

import fc from 'fast-check'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { createBatchWriter } from '../../../examples/streamr/src/prober/batch-writer.ts'
import { createLeaseKeeper } from '../../../examples/streamr/src/prober/lease-keeper.ts'
import type { Observation } from '../../../examples/streamr/src/prober/observation.ts'
import { resolveSettings } from '../../../examples/streamr/src/prober/settings.ts'
import { createTurns } from '../../../examples/streamr/src/prober/slots.ts'
import { writeObservations } from '../../../examples/streamr/src/prober/write-observations.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { checkProperty } from '../../support/property.ts'
import { waitUntil } from '../../support/wait.ts'
import { useWorld, type World } from './prober-support.ts'
import { useStreamr } from './support.ts'

describe('a batch writer', () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('add' as const), count: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ what: fc.constantFrom('fail', 'refuse', 'mend', 'flush', 'wait') }),
  )

  test('loses nothing but what it says, keeps the order, and never has more than it may', async () => {
    await checkProperty('batch writer', fc.array(step, { maxLength: 40 }), async (steps) => {
      const clock = fakeClock()
      const written: number[] = []
      const told = { full: 0, refused: 0, closed: 0 }
      const tries: { first: number | undefined; isRepeat: boolean }[] = []
      let mood: 'writes' | 'fails' | 'refuses' = 'writes'
      const writer = createBatchWriter<number>({
        write: async (items, isRepeat) => {
          await Promise.resolve()
          tries.push({ first: items[0], isRepeat })
          expect(items.length).toBeLessThanOrEqual(3)
          if (mood === 'fails') throw new Error('no')
          if (mood === 'writes') written.push(...items)
          return mood === 'writes'
        },
        batch: 3,
        queued: 10,
        withinMs: 100,
        clock,
        onDropped: (count, reason) => {
          told[reason] += count
        },
      })
      let next = 0
      for (const taken of steps) {
        if ('count' in taken) for (let index = 0; index < taken.count; index++) writer.add(next++)
        else if (taken.what === 'fail') mood = 'fails'
        else if (taken.what === 'refuse') mood = 'refuses'
        else if (taken.what === 'mend') mood = 'writes'
        else if (taken.what === 'flush') await writer.flush()
        else clock.advance(20_000)
        const { waiting, dropped } = writer.counts
        expect(waiting).toBeLessThanOrEqual(10)
        expect(dropped).toEqual(told)
        expect(writer.counts.written + waiting + told.full + told.refused).toBe(next)
      }
      mood = 'writes'
      await writer.close(1_000)
      expect(writer.add(-1)).toBe(false)
      expect(writer.counts).toMatchObject({ waiting: 0, written: written.length, dropped: { ...told, closed: 1 } })
      expect(written.length + told.full + told.refused).toBe(next)
      expect(written).toEqual(written.toSorted((one, other) => one - other))
      expect(new Set(written).size).toBe(written.length)
      // Whoever is asked again knows that it is again.
      for (const [index, { first, isRepeat }] of tries.entries())
        expect(isRepeat).toBe(index > 0 && tries[index - 1]?.first === first)
    })
  })

  test('begins a batch when it is full, or in time, and tries again by itself', async () => {
    const clock = fakeClock()
    const batches: (readonly number[])[] = []
    let fails = 2
    const writer = createBatchWriter<number>({
      write: async (items) => {
        await Promise.resolve()
        if (fails-- > 0) throw new Error('no')
        batches.push(items)
        return true
      },
      batch: 2,
      queued: 10,
      withinMs: 100,
      clock,
    })
    writer.add(1)
    clock.advance(100)
    await waitUntil(() => writer.counts.failures === 1, { what: 'the first attempt' })
    clock.advance(99)
    expect(writer.counts.failures).toBe(1)
    clock.advance(1)
    await waitUntil(() => writer.counts.failures === 2, { what: 'the second attempt' })
    clock.advance(200)
    await waitUntil(() => batches.length === 1, { what: 'the third attempt' })
    writer.add(2)
    writer.add(3)
    await waitUntil(() => batches.length === 2, { what: 'a full batch' })
    expect(batches).toEqual([[1], [2, 3]])
  })

  test('drops what cannot be written when its time to close is over, and says so', async () => {
    const dropped: [number, string][] = []
    const writer = createBatchWriter<number>({
      write: async () => await Promise.reject(new Error('no')),
      batch: 2,
      queued: 10,
      withinMs: 100,
      clock: fakeClock(),
      onDropped: (...args) => void dropped.push(args),
    })
    for (const item of [1, 2, 3]) writer.add(item)
    await writer.close(5_000)
    expect(dropped).toEqual([[3, 'closed']])
    expect(writer.counts.failures).toBeGreaterThan(2)
  })
})

describe('what a prober writes', () => {
  const streamr = useStreamr(18)
  const build = useWorld(streamr)

  const observe = (nodeId: string, said: Partial<Observation> & { readonly atMs: number }): Observation => ({
    streamId: 'stream',
    nodeId,
    result: { type: 'stats_poll', success: true, data: '{}', error: null },
    heartbeat: { atMs: said.atMs, isFresh: true },
    found: [],
    cleared: [],
    ...said,
  })

  async function hold({ clock }: World) {
    const keeper = createLeaseKeeper({
      on: streamr().strata.db,
      name: 'of this test',
      holder: 'it',
      leaseMs: 60_000,
      clock,
    })
    const lease = await keeper.hold()
    if (lease === undefined) throw new Error('Somebody else has it')
    return { keeper, lease }
  }

  test('is there once when an attempt was carried out and is made again', async () => {
    const world = await build([{ id: 'ada' }, { id: 'eve' }])
    const { lease } = await hold(world)
    const atMs = world.clock.now()
    const found = [{ rule: 'replay', evidence: { sign: 'digest' } }] as const
    const call = {
      db: world.db,
      lease,
      fraud: resolveSettings().fraud,
      observations: [observe('ada', { atMs }), observe('eve', { atMs, found }), observe('gone', { atMs, found })],
    }
    for (const isRepeat of [false, true, true])
      expect(await writeObservations({ ...call, isRepeat })).toEqual({ suspended: [] })
    for (const node of ['ada', 'eve', 'gone']) expect(await world.probesOf(node)).toHaveLength(1)
    expect(await world.findingsOf('eve')).toMatchObject([{ times: 1 }])
    expect(await world.findingsOf('gone')).toEqual([])
    expect(await world.statusOf('ada')).toBe('ACTIVE')
  })

  test('sums up what one batch has of a node: found twice, then over; over, then found', async () => {
    const world = await build([{ id: 'ada' }, { id: 'eve' }])
    const { lease } = await hold(world)
    const atMs = world.clock.now()
    const found = [{ rule: 'replay', evidence: {} }] as const
    const cleared = ['replay'] as const
    const observations = [
      observe('ada', { atMs, found }),
      observe('ada', { atMs: atMs + 1, found }),
      observe('ada', { atMs: atMs + 2, cleared }),
      observe('eve', { atMs, cleared }),
      observe('eve', { atMs: atMs + 1, found }),
    ]
    const fraud = { ...resolveSettings().fraud, suspendAfter: 2 }
    const written = await writeObservations({ db: world.db, lease, fraud, observations, isRepeat: false })
    expect(written).toEqual({ suspended: ['ada'] })
    expect(await world.findingsOf('ada')).toMatchObject([{ times: 2, isOpen: false }])
    expect(await world.findingsOf('eve')).toMatchObject([{ times: 1, isOpen: true }])
  })

  test('is nothing without the lease', async () => {
    const world = await build([{ id: 'ada' }])
    const { lease, keeper } = await hold(world)
    await keeper.release()
    const observations = [observe('ada', { atMs: world.clock.now() })]
    const { fraud } = resolveSettings()
    expect(await writeObservations({ db: world.db, lease, fraud, observations, isRepeat: false })).toBeUndefined()
    expect(await world.probesOf('ada')).toEqual([])
  })

  test('waits while the database refuses it, and loses nothing', async () => {
    const written: Observation[] = []
    const world = await build([{ id: 'ada' }], { onWritten: (observations) => void written.push(...observations) })
    const { db, minutes, prober, probesOf } = world
    await minutes(2)
    await sql`alter table probe_results add constraint refusing check (probe_type = 'never') not valid`.execute(db)
    const before = prober.status
    await minutes(3)
    expect(prober.status.results.failures).toBeGreaterThan(0)
    expect(prober.status.results.waiting).toBe(prober.status.polled - before.polled)
    expect(written).toHaveLength(before.polled)
    await sql`alter table probe_results drop constraint refusing`.execute(db)
    await minutes(1)
    const { polled, results } = prober.status
    expect(results).toMatchObject({ waiting: 0, written: polled, dropped: { full: 0, refused: 0, closed: 0 } })
    expect((await probesOf('ada')).map(({ at }) => at.getTime())).toEqual(written.map(({ atMs }) => atMs))
  })

  test('is bounded: what finds no room is counted and told', async () => {
    const warnings: [string, unknown][] = []
    const logger = {
      info: () => undefined,
      warn: (message: string, fields?: unknown) => void warnings.push([message, fields]),
    }
    const listed = Array.from({ length: 10 }, (_, index) => ({ id: `node-${index}` }))
    const world = await build(listed, { settings: { queuedRows: 6, batchRows: 3 }, logger })
    await sql`alter table probe_results add constraint refusing check (probe_type = 'never') not valid`.execute(
      world.db,
    )
    const { polled } = await world.minutes(2)
    await sql`alter table probe_results drop constraint refusing`.execute(world.db)
    expect(polled).toBeGreaterThanOrEqual(10)
    const { results } = world.prober.status
    expect(results).toMatchObject({ waiting: 6, dropped: { full: polled - 6, refused: 0, closed: 0 } })
    const told = warnings.filter(([message]) => message === 'Results were dropped')
    expect(told.reduce((sum, [, fields]) => sum + (fields as { dropped: number }).dropped, 0)).toBe(polled - 6)
    await world.prober.close()
    expect(world.prober.status.results).toMatchObject({ waiting: 0, written: 6 })
  })

  const expire = async (): Promise<void> => {
    await streamr().strata.db.query({
      text: `update pgstrata.lease set expires_at = '-infinity' where name = 'streamr prober'`,
      values: [],
    })
  }

  test('goes on after the lease ran out, if nobody else had it', async () => {
    const world = await build([{ id: 'ada' }])
    const { db, minutes, prober, probesOf } = world
    await sql`alter table probe_results add constraint refusing check (probe_type = 'never') not valid`.execute(db)
    await minutes(2)
    await sql`alter table probe_results drop constraint refusing`.execute(db)
    expect(prober.status.results.waiting).toBeGreaterThan(0)
    await expire()
    await minutes(1)
    expect(prober.status.results).toMatchObject({ waiting: 0, dropped: { refused: 0 } })
    expect(await probesOf('ada')).toHaveLength(prober.status.polled)
  })

  test('is refused after somebody else has had the lease, who asks nobody twice in a slot', async () => {
    const listed = Array.from({ length: 5 }, (_, index) => ({ id: `node-${index}` }))
    const world = await build(listed)
    const { db, prober, minutes, nodes } = world
    const other = world.openProber()
    await minutes(2)
    expect(await minutes(1, other)).toMatchObject({ isHolder: false, polled: 0 })
    await minutes(1)
    await sql`alter table probe_results add constraint refusing check (probe_type = 'never') not valid`.execute(db)
    await minutes(1)
    await sql`alter table probe_results drop constraint refusing`.execute(db)
    const { waiting } = prober.status.results
    expect(waiting).toBeGreaterThanOrEqual(4)
    await expire()
    const before = await db.selectFrom('probe_results').select(db.fn.countAll<string>().as('n')).executeTakeFirst()
    expect(await other.look()).toMatchObject({ isHolder: true })
    expect(await minutes(1)).toMatchObject({ isHolder: false, polled: 0 })
    expect(prober.status).toMatchObject({ isHolder: false, results: { waiting: 0, dropped: { refused: waiting } } })
    await minutes(4, other)
    const rows = await db.selectFrom('probe_results').select(['node_id', 'probe_timestamp']).execute()
    expect(rows).toHaveLength(Number(before?.n) + other.status.results.written)
    // What the first asked and could not write may be asked again. No slot has two rows.
    const turns = createTurns({ everyMs: 60_000, jitter: 0.5, share: 1, seed: 'any' })
    const slots = rows.map(
      ({ node_id, probe_timestamp }) => `${node_id} ${turns.slotOf(node_id, probe_timestamp.getTime())}`,
    )
    expect(new Set(slots).size).toBe(slots.length)
    const asked = listed.reduce((sum, { id }) => sum + nodes.node(id).asked.stats, 0)
    expect(asked).toBe(rows.length + waiting)
  })

  test('is known to whoever takes over: turns, replays and what is open', async () => {
    const world = await build(
      [{ id: 'ada' }, { id: 'eve' }, { id: 'liar', is: { kind: 'lying', factor: 4, hasStream: true } }],
      {
        settings: { spotShare: 1, fraud: { suspendAfter: 1_000 } },
      },
    )
    const { nodes, clock, prober, minutes, findingsOf, probesOf } = world
    await minutes(4)
    expect(await findingsOf('liar')).toMatchObject([{ rule: 'contradiction', isOpen: true }])
    const asked = nodes.node('ada').asked.stats
    await prober.close()
    // Its last answer again, to somebody who never saw it.
    nodes.node('eve').behave({ kind: 'replaying' })
    const other = world.openProber()
    expect(await other.look()).toMatchObject({ isHolder: true, polled: 0, checked: 0 })
    expect(nodes.node('ada').asked.stats).toBe(asked)
    clock.advance(1)
    await minutes(2, other)
    expect((await probesOf('eve')).at(-1)).toMatchObject({ error: 'replay: a poll answered with an earlier answer' })
    expect(await findingsOf('eve')).toMatchObject([{ rule: 'replay', isOpen: true }])
    nodes.node('liar').behave({ kind: 'honest' })
    await minutes(3, other)
    expect((await findingsOf('liar')).map(({ isOpen }) => isOpen)).toEqual([false])
  })

  test("is complete when it is closed; what was called off is nobody's failure", async () => {
    const { prober, lookAt, nodes, db, openProber } = await build([
      { id: 'ada' },
      { id: 'hangs', is: { kind: 'dead', how: 'hangs' } },
    ])
    let asked = await lookAt('hangs')
    while (!asked.isAsked) asked = await lookAt('hangs')
    await prober.close()
    await asked.look
    const rows = await db.selectFrom('probe_results').select('node_id').execute()
    expect(rows.filter(({ node_id }) => node_id === 'hangs')).toEqual([])
    expect(rows).toHaveLength(prober.status.results.written)
    nodes.node('hangs').behave({ kind: 'honest' })
    expect(await openProber().look()).toMatchObject({ isHolder: true })
  })
})
