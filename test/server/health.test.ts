// What the keeper of health says as things come and go, how old it may be, and that it never piles up.

import { expect, test } from 'vitest'
import { silentLogger } from '../../src/base/logger.ts'
import { StrataError } from '../../src/base/errors.ts'
import { HealthKeeper, type HealthSources } from '../../src/server/health-keeper.ts'
import { fakeClock, type FakeClock } from '../support/fake-clock.ts'

const well: HealthSources = {
  ask: async () => undefined,
  nodes: async () => [],
  replicas: [],
  redis: () => 'none',
  feed: undefined,
  jobs: async () => [],
  close: async () => undefined,
}

function keep(differs: Partial<HealthSources>): {
  keeper: HealthKeeper
  clock: FakeClock
  settle: () => Promise<void>
} {
  const clock = fakeClock()
  const keeper = new HealthKeeper({ ...well, ...differs }, { clock, logger: silentLogger })
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  }
  return { keeper, clock, settle }
}

const replica = (lagMs: number | null) =>
  ({ node: 'r', target: 't', role: 'replica', timeline: 1, position: '0/1', lagMs }) as const

test('everything is well, and how old that is', async () => {
  const { keeper, clock, settle } = keep({})
  expect(await keeper.read()).toMatchObject({ status: 'ok', ageMs: 0, problems: [], feed: 'none', redis: 'none' })
  await settle()
  clock.advance(2_000)
  expect(await keeper.read()).toMatchObject({ status: 'ok', ageMs: 2_000 })
})

test.each([
  ['a replica that is away', { replicas: [{ name: 'r', maxLagMs: 50 }] }, 'replica r: down'],
  [
    'a replica that lags',
    { replicas: [{ name: 'r', maxLagMs: 50 }], nodes: async () => [replica(80)] },
    'replica r: lagging',
  ],
  [
    'a replica that is not told how far',
    { replicas: [{ name: 'r', maxLagMs: 50 }], nodes: async () => [replica(null)] },
    'replica r: lagging',
  ],
  ['Redis that is away', { redis: () => 'down' }, 'Redis is away'],
  ['a feed that nobody takes in', { feed: async () => ({ isUp: false }) }, 'nobody takes in changes'],
  ['a feed that cannot be asked', { feed: () => Promise.reject(new Error('x')) }, 'the feed is not known to run'],
  [
    'a job that failed',
    { jobs: async () => [{ name: 'analyze', isFailing: true }] },
    'job analyze failed the last time',
  ],
  ['jobs that cannot be asked', { jobs: () => Promise.reject(new Error('x')) }, 'what became of jobs is not known'],
] satisfies readonly (readonly [string, Partial<HealthSources>, string])[])(
  '%s is a degraded system that answers',
  async (_, differs, problem) => {
    const { keeper } = keep(differs)
    expect(await keeper.read()).toMatchObject({ status: 'degraded', database: { status: 'up' }, problems: [problem] })
  },
)

test('a replica that is near, and a feed that runs, are well', async () => {
  const { keeper } = keep({
    replicas: [{ name: 'r', maxLagMs: 50 }],
    nodes: async () => [replica(50)],
    feed: async () => ({ isUp: true }),
    redis: () => 'up',
  })
  expect(await keeper.read()).toMatchObject({
    status: 'ok',
    replicas: [{ name: 'r', status: 'up', lagMs: 50 }],
    feed: 'up',
  })
})

test('without the primary it is down, with the code alone, and of the others nothing is known', async () => {
  const { keeper } = keep({
    ask: () => Promise.reject(new StrataError('DATABASE_UNREACHABLE', { message: 'host secret.internal' })),
    replicas: [{ name: 'r', maxLagMs: 50 }],
  })
  const health = await keeper.read()
  expect(health).toMatchObject({
    status: 'down',
    database: { status: 'down', error: 'DATABASE_UNREACHABLE' },
    replicas: [{ status: 'unknown' }],
  })
  expect(JSON.stringify(health)).not.toContain('secret')
})

test('it looks again and again, never twice at once', async () => {
  let asked = 0
  let answer: (() => void) | undefined
  const { keeper, clock, settle } = keep({
    ask: () => {
      asked++
      return asked === 1 ? Promise.resolve() : new Promise<void>((resolve) => (answer = resolve))
    },
  })
  await keeper.read()
  await settle()
  expect(asked).toBe(1)
  clock.advance(3_000)
  await settle()
  expect(asked).toBe(2)
  // It hangs: what was seen goes on being said, with its age, until it is too old; and nobody asks beside it.
  clock.advance(2_000)
  expect(await keeper.read()).toMatchObject({ status: 'ok', ageMs: 5_000 })
  expect(asked).toBe(2)
  for (let look = 0; look < 5; look++) {
    clock.advance(6_000)
    await settle()
  }
  expect(asked).toBe(2)
  expect(await keeper.read()).toMatchObject({ status: 'down', database: { error: 'QUERY_TIMEOUT' } })
  answer?.()
  await settle()
  clock.advance(3_000)
  await settle()
  expect(asked).toBe(3)
  answer?.()
  await settle()
  expect(await keeper.read()).toMatchObject({ status: 'ok', ageMs: 0 })
})

test('a primary that does not answer in time is away', async () => {
  const { keeper, clock, settle } = keep({ ask: () => new Promise(() => undefined) })
  const first = keeper.read()
  await settle()
  clock.advance(2_000)
  expect(await first).toMatchObject({ status: 'down', checkedAt: null, ageMs: null, database: { status: 'unknown' } })
  clock.advance(3_000)
  await settle()
  expect(await keeper.read()).toMatchObject({ status: 'down', database: { status: 'down', error: 'QUERY_TIMEOUT' } })
})

test('after close() nothing is looked at any more', async () => {
  let asked = 0
  const { keeper, clock, settle } = keep({ ask: async () => void asked++ })
  await keeper.read()
  await settle()
  await keeper.close()
  clock.advance(60_000)
  await settle()
  expect(asked).toBe(1)
  expect(await keeper.read()).toMatchObject({ status: 'down', database: { status: 'unknown' } })
})
