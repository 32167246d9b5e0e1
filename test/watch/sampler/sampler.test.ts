// The sampler of one server: what is due is asked in turn, what takes too long is asked less often, and a lost connection is made again.

import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/logger.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import type { ProbeState, ServerProbe } from '../../../src/watch/index.ts'
import { createAgenda } from '../../../src/watch/sampler/agenda.ts'
import { NodeSampler } from '../../../src/watch/sampler/node-sampler.ts'
import { OtherSampler } from '../../../src/watch/sampler/other-sampler.ts'
import type { Taken } from '../../../src/watch/sampler/taken.ts'
import { upProbe } from '../../../src/watch/probes/up.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'

const metric = { name: 'pgstrata_test', help: '', kind: 'gauge', labels: [], most: 1 } as const

function probeOf(name: string, more: Partial<ServerProbe>): ServerProbe {
  return {
    name,
    question: '',
    everyMs: 20,
    limitMs: 1_000,
    of: 'each',
    metrics: [metric],
    unavailable: () => undefined,
    read: async ({ on }) => {
      await on.query(sql`select 1`)
      return { points: [{ metric: metric.name, labels: [], value: 1 }] }
    },
    ...more,
  }
}

interface Watched {
  readonly taken: Taken[]
  of(probe: string): readonly Taken[]
  last(probe: string): ProbeState | undefined
}

function watch(): Watched {
  const taken: Taken[] = []
  const of = (probe: string): readonly Taken[] => taken.filter(({ state }) => state.probe === probe)
  return { taken, of, last: (probe) => of(probe).at(-1)?.state }
}

describeOnEachVersion('the sampler of a server', (_version, database) => {
  const tools = (watched: Watched) => ({
    everyMs: ({ everyMs }: ServerProbe) => everyMs,
    onTaken: (taken: Taken) => void watched.taken.push(taken),
    clock: systemClock,
    random: () => 0,
    logger: silentLogger,
  })
  const open = () => openDb({ url: database().url, max: 1, applicationName: 'pgstrata watch' })

  test('asks what is due, and a probe that takes too long less and less, while others go on', async () => {
    const slow = probeOf('slow', {
      limitMs: 30,
      read: async ({ on }) => {
        await on.query(sql`select pg_sleep(10)`)
        return { points: [] }
      },
    })
    const watched = watch()
    const sampler = new NodeSampler({ name: 'primary', open }, [probeOf('quick', {}), slow], tools(watched))
    sampler.start()
    await waitUntil(() => watched.last('slow')?.everyMs === 16 * slow.everyMs, {
      what: 'that it is asked a sixteenth as often',
    })
    expect(
      watched
        .of('slow')
        .map(({ state }) => state.everyMs / slow.everyMs)
        .slice(0, 4),
    ).toEqual([2, 4, 8, 16])
    expect(watched.last('slow')?.failure).toBe('it took longer than 30 ms, and is asked less often')
    expect(watched.of('quick').length).toBeGreaterThan(watched.of('slow').length)
    expect(watched.last('quick')).toMatchObject({ failure: undefined, everyMs: 20, node: 'primary' })
    const fromMs = performance.now()
    await sampler.stop()
    expect(performance.now() - fromMs).toBeLessThan(1_500)
    const { length } = watched.taken
    await systemClock.sleep(50)
    expect(watched.taken).toHaveLength(length)
  })

  test('makes a lost connection again, says meanwhile that the server is down, and knows it anew', async () => {
    let isAway = false
    const watched = watch()
    const away = () => openDb({ url: 'postgres://nobody@127.0.0.1:1/none', max: 1, connectTimeoutMs: 500 })
    const sampler = new NodeSampler(
      { name: 'primary', open: () => (isAway ? away() : open()) },
      [{ ...upProbe, everyMs: 20 }, probeOf('quick', {})],
      tools(watched),
    )
    const up = (): number | undefined => watched.of('up').at(-1)?.series[0]?.value
    sampler.start()
    await waitUntil(() => up() === 1 && watched.of('quick').length > 1, { what: 'a server that is up' })
    expect(sampler.facts?.isLocal).toBe(true)
    isAway = true
    await database().db.query(sql`
      select pg_terminate_backend(pid)
      from pg_stat_activity
      where datname = current_database() and application_name = 'pgstrata watch'`)
    await waitUntil(() => up() === 0, { what: 'a server that is down' })
    expect(watched.last('quick')?.failure).toMatch(/^the server cannot be reached/)
    expect(watched.last('quick')?.everyMs).toBe(20)
    isAway = false
    await waitUntil(() => up() === 1 && watched.last('quick')?.failure === undefined, { what: 'that it is up again' })
    await sampler.stop()
  })

  test('a probe that fails is told without what it was given, and reads in a transaction that cannot write', async () => {
    const watched = watch()
    const broken = probeOf('broken', {
      read: async ({ on }) => {
        await on.query(sql`select ${'secret'}::int`)
        return { points: [] }
      },
    })
    const writing = probeOf('writing', {
      read: async ({ on }) => {
        await on.query(sql`create table written (id int)`)
        return { points: [] }
      },
    })
    const sampler = new NodeSampler({ name: 'primary', open }, [broken, writing], tools(watched))
    sampler.start()
    await waitUntil(() => watched.of('broken').length > 0 && watched.of('writing').length > 0, { what: 'both' })
    await sampler.stop()
    expect(watched.last('broken')?.failure).toBe('the server refused it (SQLSTATE 22P02)')
    expect(watched.last('writing')?.failure).toBe('the server refused it (SQLSTATE 25006)')
  })

  test('without a probe that is asked it connects to nothing, and ends at once', async () => {
    let opened = 0
    const watched = watch()
    const node = { name: 'primary', open: () => (opened++, open()) }
    const none = new NodeSampler(node, [], tools(watched))
    const off = new NodeSampler(node, [probeOf('off', {})], { ...tools(watched), everyMs: () => undefined })
    // For comparison: by when this one has been asked often, the others would have connected.
    const asked = new NodeSampler({ name: 'other', open }, [probeOf('quick', {})], tools(watched))
    for (const sampler of [none, off, asked]) sampler.start()
    await waitUntil(() => watched.of('quick').length > 20, { what: 'answers of another one' })
    expect(opened).toBe(0)
    for (const sampler of [none, off, asked]) await sampler.stop()
  })

  test('what cannot be asked says why; what belongs to the primary is not asked of a replica', async () => {
    const watched = watch()
    const missing = probeOf('missing', { unavailable: () => 'not available because it is a test' })
    const sampler = new NodeSampler({ name: 'primary', open }, [missing], tools(watched))
    sampler.start()
    await waitUntil(() => watched.last('missing')?.unavailable !== undefined, { what: 'why' })
    await sampler.stop()
    expect(watched.last('missing')).toMatchObject({
      unavailable: 'not available because it is a test',
      atMs: undefined,
    })
    expect(watched.of('missing').at(-1)?.series).toEqual([])
  })
})

test('what does not answer in time counts as failed, and is not asked again before it has', async () => {
  let answer: ((reading: { points: [] }) => void) | undefined
  let asked = 0
  const watched = watch()
  const hanging = probeOf('hanging', {
    limitMs: -990,
    everyMs: 5,
    read: () =>
      new Promise((resolve) => {
        asked++
        answer = resolve
      }),
  })
  const sampler = new OtherSampler(
    { name: 'redis', on: { query: () => Promise.reject(new Error('none')) }, probes: () => [hanging] },
    {
      everyMs: () => 5,
      onTaken: (taken) => void watched.taken.push(taken),
      clock: systemClock,
      random: () => 0,
      logger: silentLogger,
    },
  )
  sampler.start()
  await waitUntil(() => watched.last('hanging')?.failure === 'the question before is not answered yet', {
    what: 'that it waits',
  })
  expect(asked).toBe(1)
  answer?.({ points: [] })
  await waitUntil(() => asked === 2, { what: 'that it is asked again' })
  await sampler.stop()
})

test('what is late is asked once, what is answered again comes back to its pace, and series are bounded', () => {
  const clock = fakeClock()
  const counter = { ...metric, name: 'pgstrata_test_total', kind: 'counter', labels: ['of'], most: 2 } as const
  const probe = probeOf('one', { everyMs: 1_000, metrics: [counter] })
  const agenda = createAgenda({ node: 'n', probes: [probe], everyMs: () => 1_000, clock, random: () => 0 })
  const [errand] = agenda.errands
  expect.assert(errand !== undefined)
  const read = (values: readonly number[], epoch = 'a'): readonly (number | undefined)[] => {
    const points = values.map((value, index) => ({ metric: counter.name, labels: [String(index)], value }))
    return agenda.answered(errand, { epoch, points }, 1).series.map(({ perSecond }) => perSecond)
  }
  clock.advance(10_000)
  expect(read([5, 5, 5])).toEqual([undefined, undefined])
  expect(errand.dueMs - clock.monotonic()).toBe(500)
  agenda.failed(errand, 'slow')
  agenda.failed(errand, 'slow')
  expect(errand.slowdown).toBe(4)
  clock.advance(10_000)
  expect(read([25, 4])).toEqual([2, undefined])
  expect(errand.slowdown).toBe(2)
  clock.advance(1_000)
  expect(read([26, 5], 'b')).toEqual([undefined, undefined])
  expect(errand.slowdown).toBe(1)
  clock.advance(1_000)
  expect(read([27, 8], 'b')).toEqual([1, 3])
})
