// What the keeper of health says as things come and go, how old it may be, and that it never piles up.

import { expect, test } from 'vitest'
import { silentLogger } from '../../src/base/logger.ts'
import { StrataError } from '../../src/base/errors.ts'
import { HealthKeeper, type HealthSources } from '../../src/server/health-keeper.ts'
import { fakeClock, type FakeClock } from '../support/fake-clock.ts'

const well: HealthSources = {
  ask: async () => ({ isReplica: false }),
  askPool: undefined,
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

const away = (): Promise<never> => Promise.reject(new StrataError('DATABASE_UNREACHABLE', { message: 'away' }))
const inRecovery = async () => ({ isReplica: true })
const configured = { name: 'r', maxLagMs: 50, ask: inRecovery }

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
  ['a replica that is away', { replicas: [configured] }, 'replica r: down'],
  ['a replica that lags', { replicas: [configured], nodes: async () => [replica(80)] }, 'replica r: lagging'],
  [
    'a replica that is not told how far',
    { replicas: [configured], nodes: async () => [replica(null)] },
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
    replicas: [configured],
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
    replicas: [configured],
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
      return asked === 1
        ? Promise.resolve({ isReplica: false })
        : new Promise((resolve) => (answer = () => resolve({ isReplica: false })))
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

test('asked while a look is under way, it tells of the last one and waits for nothing', async () => {
  let isHanging = false
  const { keeper, clock, settle } = keep({
    ask: () => (isHanging ? new Promise<never>(() => undefined) : well.ask()),
    nodes: () => (isHanging ? new Promise<never>(() => undefined) : well.nodes()),
  })
  await keeper.read()
  isHanging = true
  clock.advance(3_000)
  await settle()
  let told: unknown
  void keeper.read().then((health) => (told = health))
  await settle()
  expect(told).toMatchObject({ status: 'ok', ageMs: 3_000 })
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
  const { keeper, clock, settle } = keep({ ask: async () => (asked++, { isReplica: false }) })
  await keeper.read()
  await settle()
  await keeper.close()
  clock.advance(60_000)
  await settle()
  expect(asked).toBe(1)
  expect(await keeper.read()).toMatchObject({ status: 'down', database: { status: 'unknown' } })
})

test('a primary in recovery takes no writes: it is down, whatever it answers', async () => {
  const { keeper } = keep({ ask: inRecovery })
  expect(await keeper.read()).toMatchObject({
    status: 'down',
    database: { status: 'down', error: 'DATABASE_IS_REPLICA' },
    pool: { status: 'down', writer: null },
    problems: expect.arrayContaining(['the primary takes no writes: it is a replica']) as string[],
  })
})

test('the way of the pool is another one: where it leads nowhere, applications are down', async () => {
  const { keeper } = keep({ askPool: away })
  expect(await keeper.read()).toMatchObject({
    status: 'down',
    database: { status: 'up' },
    pool: { status: 'down', writer: null, error: 'DATABASE_UNREACHABLE' },
    problems: ['the primary is away where the pool looks for it'],
  })
  const other = keep({ ask: away, askPool: async () => ({ isReplica: false }) })
  expect(await other.keeper.read()).toMatchObject({
    status: 'degraded',
    database: { status: 'down' },
    pool: { status: 'up', writer: 'primary' },
  })
})

test('a replica that was promoted takes the place of the primary, and it is said which', async () => {
  const promoted = { ...configured, ask: async () => ({ isReplica: false }) }
  const { keeper } = keep({ ask: away, replicas: [promoted] })
  expect(await keeper.read()).toMatchObject({
    status: 'degraded',
    pool: { status: 'up', writer: 'r', error: null },
    replicas: [{ name: 'r', status: 'up' }],
    problems: expect.arrayContaining(['the primary is away', 'r takes writes in its place']) as string[],
  })
  const followed = keep({ ask: away, replicas: [configured] })
  expect(await followed.keeper.read()).toMatchObject({ status: 'down', pool: { status: 'down', writer: null } })
})

test('of what was seen too long ago nothing is said, whatever it was', async () => {
  let isHanging = false
  const { keeper, clock, settle } = keep({
    ask: () => (isHanging ? new Promise(() => undefined) : Promise.resolve({ isReplica: false })),
    replicas: [configured],
    nodes: async () => [replica(5)],
    feed: async () => ({ isUp: true }),
    jobs: async () => [{ name: 'analyze', isFailing: true }],
  })
  expect(await keeper.read()).toMatchObject({ replicas: [{ status: 'up' }], feed: 'up', jobs: { status: 'failing' } })
  await settle()
  isHanging = true
  // The look that hangs is given up after five seconds; until then the one before stands, and grows old.
  clock.advance(3_000)
  await settle()
  await keeper.close()
  clock.advance(15_001)
  expect(await keeper.read()).toMatchObject({
    status: 'down',
    database: { status: 'unknown' },
    pool: { status: 'unknown' },
    replicas: [{ name: 'r', status: 'unknown', lagMs: null }],
    feed: 'unknown',
    jobs: { status: 'unknown', failing: [] },
  })
})
