// The prober over real HTTP and a real database: what each kind of node comes to in probe_results, as a status, as findings and as a
// payout.

import { describe, expect, test } from 'vitest'
import { reviewNode } from '../../../examples/streamr/src/prober/index.ts'
import type { Behaviour } from '../../../examples/streamr/src/simulated/index.ts'
import { versions } from '../../support/postgres.ts'
import { honest, useWorld } from './prober-support.ts'
import { useStreamr } from './support.ts'

const lying: Behaviour = { kind: 'lying', factor: 4, hasStream: true }
const never = { fraud: { suspendAfter: 1_000_000 } }

describe.each(versions)('a prober on PostgreSQL %d', (version) => {
  const build = useWorld(useStreamr(version))

  test('polls each node once in each slot, and makes it ACTIVE', async () => {
    const { minutes, probesOf, statusOf, findingsOf, payoutOf, db, clock, prober } = await build([
      { id: 'ada' },
      { id: 'bob' },
    ])
    expect(await statusOf('ada')).toBe('PENDING')
    const report = await minutes(10)
    expect(report).toMatchObject({ isHolder: true, failed: 0, found: 0 })
    for (const node of ['ada', 'bob']) {
      const probes = await probesOf(node)
      // Of the first and the last slot only a part was seen.
      expect(probes.length).toBeGreaterThanOrEqual(9)
      expect(probes.length).toBeLessThanOrEqual(11)
      expect(probes.every(({ success, error }) => success && error === null)).toBe(true)
      expect(await findingsOf(node)).toEqual([])
      expect(await statusOf(node)).toBe('ACTIVE')
    }
    const row = await db.selectFrom('nodes').select('last_heartbeat').where('node_id', '=', 'ada').executeTakeFirst()
    expect(row?.last_heartbeat).toEqual((await probesOf('ada')).at(-1)?.at)
    expect(row?.last_heartbeat?.getTime()).toBeLessThanOrEqual(clock.now())
    const [ada, bob] = [await payoutOf('ada'), await payoutOf('bob')]
    expect(ada?.weight).toBe(1_000_000_000n)
    expect((ada?.amount ?? 0n) + (bob?.amount ?? 0n)).toBe(1_000n)
    expect(prober.status.results).toMatchObject({ waiting: 0, written: report.polled, failures: 0 })
  })

  test('five findings suspend a node until somebody has reviewed it, and then they do not count any more', async () => {
    const { db, nodes, clock, minutes, statusOf, findingsOf, payoutOf, probesOf } = await build([
      { id: 'ada' },
      { id: 'eve' },
    ])
    await minutes(2)
    expect((await payoutOf('eve'))?.amount).toBeGreaterThan(0n)
    nodes.node('eve').behave({ kind: 'replaying' })
    await minutes(8)
    expect(await statusOf('eve')).toBe('SUSPENDED')
    expect(await findingsOf('eve')).toMatchObject([{ rule: 'replay', times: 5, isOpen: true }])
    expect(await payoutOf('eve')).toBeUndefined()
    expect((await payoutOf('ada'))?.amount).toBe(1_000n)
    const asked = (await probesOf('eve')).length
    await minutes(2)
    expect(await probesOf('eve')).toHaveLength(asked)

    nodes.node('eve').behave(honest)
    const review = { nodeId: 'eve', by: 'grace', at: new Date(clock.now()) }
    expect(await reviewNode(db, review)).toEqual({ status: 'PENDING', resolved: 1 })
    expect(await reviewNode(db, { ...review, nodeId: 'nobody' })).toBeUndefined()
    await minutes(3)
    expect(await statusOf('eve')).toBe('ACTIVE')
    expect((await payoutOf('eve'))?.amount).toBeGreaterThan(0n)
    nodes.node('eve').behave({ kind: 'replaying' })
    await minutes(3)
    expect(await statusOf('eve')).toBe('ACTIVE')
    expect(await findingsOf('eve')).toMatchObject([
      { isOpen: false, evidence: { reviewed: { by: 'grace' } } },
      { isOpen: true },
    ])
    expect(await reviewNode(db, { ...review, nodeId: 'ada' })).toEqual({ status: 'ACTIVE', resolved: 0 })
  })

  test('too many nodes at one address are found, by the network of IPv6, and it has no effect on payouts', async () => {
    const { db, minutes, findingsOf, statusOf, payoutOf } = await build(
      [
        ...['1', '2', '3'].map((id) => ({ id: `four-${id}`, address: '192.0.2.7' })),
        ...['1', '2', '3'].map((id) => ({ id: `six-${id}`, address: `2001:db8:0:1::${id}` })),
        { id: 'alone', address: '192.0.2.8' },
        { id: 'elsewhere', address: '2001:db8:0:2::1' },
        ...['1', '2', '3'].map((id) => ({ id: `unsaid-${id}` })),
      ],
      { settings: { fraud: { nodesPerAddress: 2 } } },
    )
    await minutes(8)
    for (const id of ['four-1', 'four-2', 'four-3', 'six-1', 'six-2', 'six-3']) {
      expect(await findingsOf(id)).toMatchObject([
        { rule: 'crowded-address', times: 1, isOpen: true, evidence: { nodes: 3, allowed: 2 } },
      ])
      expect(await statusOf(id)).toBe('ACTIVE')
    }
    for (const id of ['alone', 'elsewhere', 'unsaid-1', 'unsaid-3']) expect(await findingsOf(id)).toEqual([])
    expect((await payoutOf('four-1'))?.weight).toBe((await payoutOf('alone'))?.weight)
    await db.updateTable('nodes').set({ address: '192.0.2.9' }).where('node_id', '=', 'four-1').execute()
    await minutes(2)
    expect((await findingsOf('four-2')).map(({ isOpen }) => isOpen)).toEqual([false])
    expect((await findingsOf('six-2')).map(({ isOpen }) => isOpen)).toEqual([true])
  })
})

describe('a prober and its nodes', () => {
  const build = useWorld(useStreamr(18))

  test('leaves alone what is not to be asked: streams that are not active, nodes that are suspended', async () => {
    const { minutes, probesOf, db } = await build([{ id: 'ada' }, { id: 'bob', stream: 'paused' }, { id: 'eve' }])
    await db.updateTable('streams').set({ status: 'PAUSED' }).where('stream_id', '=', 'paused').execute()
    await db.updateTable('nodes').set({ status: 'SUSPENDED' }).where('node_id', '=', 'eve').execute()
    await minutes(2)
    expect((await probesOf('ada')).length).toBeGreaterThan(0)
    expect([await probesOf('bob'), await probesOf('eve')]).toEqual([[], []])
  })

  test('checks that a node has the stream', async () => {
    const { minutes, probesOf, findingsOf } = await build([{ id: 'ada' }], { settings: { spotShare: 1 } })
    const { checked } = await minutes(5)
    const checks = await probesOf('ada', 'spot_check')
    expect(checks).toHaveLength(checked)
    expect(checked).toBeGreaterThanOrEqual(4)
    expect(checks.every(({ success, data }) => success && data?.['content'] === true)).toBe(true)
    expect(await findingsOf('ada')).toEqual([])
  })

  test('checks about as many as its share says', async () => {
    const listed = Array.from({ length: 40 }, (_, index) => ({ id: `node-${index}` }))
    const { minutes } = await build(listed, { settings: { spotShare: 0.25 } })
    const { polled, checked } = await minutes(6)
    // 240 draws at a quarter: six deviations either way.
    expect(Math.abs(checked / polled - 0.25)).toBeLessThan(6 * Math.sqrt((0.25 * 0.75) / 240))
  })

  const refused: readonly [string, Behaviour, { rule: string; error: RegExp; sign: Record<string, unknown> }][] = [
    ['replays', { kind: 'replaying' }, { rule: 'replay', error: /^replay: /, sign: { sign: 'digest' } }],
    ['counts below 0', { kind: 'impossible', how: 'negative' }, { rule: 'impossible', error: /below 0/, sign: {} }],
    [
      'claims bytes that no line carries',
      { kind: 'impossible', how: 'too-fast' },
      { rule: 'impossible', error: /than time/, sign: {} },
    ],
    [
      'answers from the future',
      { kind: 'impossible', how: 'future' },
      { rule: 'impossible', error: /future/, sign: {} },
    ],
  ]
  test.each(refused)('a node that %s earns nothing for it', async (_, behaviour, { rule, error, sign }) => {
    const { nodes, minutes, probesOf, findingsOf, payoutOf, statusOf } = await build([{ id: 'ada' }, { id: 'eve' }], {
      settings: never,
    })
    await minutes(3)
    const before = (await probesOf('eve')).length
    nodes.node('eve').behave(behaviour)
    await minutes(6)
    const bad = (await probesOf('eve')).slice(before)
    expect(bad.length).toBeGreaterThanOrEqual(5)
    expect(bad.filter(({ success }) => success)).toEqual([])
    for (const { error: why } of bad) expect(why).toMatch(error)
    const [finding, ...others] = await findingsOf('eve')
    expect(others).toEqual([])
    expect(finding).toMatchObject({ rule, times: bad.length, isOpen: true, evidence: sign })
    const [ada, eve] = [await payoutOf('ada'), await payoutOf('eve')]
    expect(eve).toMatchObject({ ok: before, polls: before + bad.length })
    expect(eve?.weight).toBeLessThan(ada?.weight ?? 0n)
    nodes.node('eve').behave(honest)
    await minutes(2)
    expect((await findingsOf('eve')).map(({ isOpen }) => isOpen)).toEqual([false])
    expect((await probesOf('eve')).at(-1)).toMatchObject({ success: true })
    expect(await statusOf('eve')).toBe('ACTIVE')
  })

  test('a node that lies is found by spot checks, pays for them, and earns nothing for polls after them', async () => {
    const { nodes, minutes, probesOf, findingsOf, payoutOf } = await build([{ id: 'ada' }, { id: 'eve', is: lying }], {
      settings: { spotShare: 1, ...never },
    })
    await minutes(8)
    const [checks, polls] = [await probesOf('eve', 'spot_check'), await probesOf('eve')]
    const [finding, ...others] = await findingsOf('eve')
    expect(others).toEqual([])
    expect(finding).toMatchObject({ rule: 'contradiction', isOpen: true })
    expect(finding?.evidence['claimedViewers']).toBeGreaterThan(2 * Number(finding?.evidence['shownViewers']))
    const contradicted = checks.findIndex(({ success }) => !success)
    expect(checks[contradicted]?.error).toMatch(/^contradiction: /)
    const caughtAt = checks[contradicted]?.at ?? new Date(0)
    expect(polls.filter(({ success, at }) => success && at > caughtAt)).toEqual([])
    const eve = await payoutOf('eve')
    expect(eve?.failed).toBe(checks.filter(({ success }) => !success).length)
    expect(eve?.amount).toBeLessThan((await payoutOf('ada'))?.amount ?? 0n)
    expect(await findingsOf('ada')).toEqual([])
    nodes.node('eve').behave(honest)
    await minutes(3)
    expect((await findingsOf('eve')).map(({ isOpen }) => isOpen)).toEqual([false])
  })

  test('a node that has not the stream cannot show a segment of it', async () => {
    const { minutes, probesOf, findingsOf } = await build(
      [{ id: 'eve', is: { kind: 'lying', factor: 1, hasStream: false } }],
      { settings: { spotShare: 1, ...never } },
    )
    await minutes(4)
    expect((await probesOf('eve', 'spot_check')).filter(({ success }) => success)).toEqual([])
    expect(await findingsOf('eve')).toMatchObject([{ rule: 'contradiction', evidence: { content: false } }])
  })

  test('a spot check answered with an earlier answer is a replay', async () => {
    const { nodes, minutes, probesOf, findingsOf } = await build([{ id: 'eve' }], {
      settings: { spotShare: 1, ...never },
    })
    await minutes(3)
    nodes.node('eve').behave({ kind: 'replaying' })
    await minutes(3)
    expect((await probesOf('eve', 'spot_check')).at(-1)?.error).toMatch(/nonce/)
    expect((await findingsOf('eve')).map(({ rule }) => rule)).toEqual(['replay'])
  })

  test('a node whose stream is gone while it answers goes stale, is found, and is suspended for it', async () => {
    const { nodes, minutes, probesOf, findingsOf, statusOf, payoutOf } = await build([{ id: 'eve' }])
    await minutes(2)
    nodes.node('eve').behave({ kind: 'stalled' })
    await minutes(6)
    expect(await statusOf('eve')).toBe('STALE')
    expect(await findingsOf('eve')).toMatchObject([{ rule: 'stale-heartbeat', isOpen: true }])
    expect((await probesOf('eve')).every(({ success }) => success)).toBe(true)
    expect((await payoutOf('eve'))?.amount).toBe(1_000n)
    await minutes(6)
    expect(await statusOf('eve')).toBe('SUSPENDED')
    expect(await payoutOf('eve')).toBeUndefined()
  })

  test.each([
    ['refuses', /^cannot be reached: ECONNRESET$/],
    ['hangs', /^no answer within 2000 ms$/],
  ] as const)('a node that %s goes from ACTIVE to STALE to OFFLINE, and comes back', async (how, error) => {
    const { nodes, clock, lookAt, minutes, probesOf, statusOf, findingsOf } = await build([{ id: 'ada' }], {
      settings: {
        pollEveryMs: 30_000,
        staleAfterMs: 60_000,
        offlineAfterMs: 180_000,
        leaseMs: 60_000,
        rosterEveryMs: 1_000,
      },
    })
    await minutes(1)
    nodes.node('ada').behave({ kind: 'dead', how })
    const seen = new Set<string | undefined>()
    for (let looks = 0; looks < 30; looks++) {
      const { look, isAsked } = await lookAt('ada')
      if (isAsked && how === 'hangs') clock.advance(2_000)
      await look
      seen.add(await statusOf('ada'))
    }
    expect([...seen]).toEqual(['ACTIVE', 'STALE', 'OFFLINE'])
    const last = (await probesOf('ada')).at(-1)
    expect(last).toMatchObject({ success: false, data: null })
    expect(last?.error).toMatch(error)
    nodes.node('ada').behave(honest)
    await minutes(1)
    expect(await statusOf('ada')).toBe('ACTIVE')
    expect(await findingsOf('ada')).toEqual([])
  })

  test('a node that answers too late has failed, and one that answers late has not', async () => {
    const { nodes, clock, lookAt, probesOf } = await build([{ id: 'ada', is: { kind: 'lagging', delayMs: 1_500 } }])
    /** Lets so much time go by before the look ends that asks the node. */
    const lookWhile = async (advanceMs: number): Promise<void> => {
      for (;;) {
        const { look, isAsked } = await lookAt('ada')
        if (isAsked) clock.advance(advanceMs)
        await look
        if (isAsked) return
      }
    }
    await lookWhile(1_500)
    nodes.node('ada').behave({ kind: 'lagging', delayMs: 3_000 })
    await lookWhile(2_000)
    const [first, second] = await probesOf('ada')
    expect(first).toMatchObject({ success: true })
    expect(second).toMatchObject({ success: false, error: 'no answer within 2000 ms' })
  })

  test('a node that comes and goes is paid for when it was there', async () => {
    const { minutes, probesOf, payoutOf, statusOf } = await build([
      { id: 'ada' },
      { id: 'bob', is: { kind: 'flapping', upMs: 120_000, downMs: 120_000 } },
    ])
    await minutes(12)
    const outcomes = (await probesOf('bob')).map(({ success }) => success)
    expect(outcomes.filter(Boolean).length).toBeGreaterThanOrEqual(4)
    expect(outcomes.filter((success) => !success).length).toBeGreaterThanOrEqual(4)
    expect(await statusOf('bob')).toBe('ACTIVE')
    const [ada, bob] = [await payoutOf('ada'), await payoutOf('bob')]
    expect(bob?.weight).toBeGreaterThan(0n)
    expect(bob?.weight).toBeLessThan(ada?.weight ?? 0n)
  })
})
