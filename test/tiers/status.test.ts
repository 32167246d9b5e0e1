// What the status says of each partition, before and behind a move, and what it finds that somebody should see to.

import { expect, test } from 'vitest'
import { findTierFindings, type FoundTiers } from '../../src/tiers/findings.ts'
import type { TierPartitionStatus } from '../../src/tiers/index.ts'
import { movePartition } from '../../src/tiers/move/movers.ts'
import { readTierStatus } from '../../src/tiers/status.ts'
import { tiered as served } from '../server/tiers-support.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { moveTools, run } from './exchange-support.ts'
import { createEvents, days, hold, partitionOf, tieredEvents } from './move-support.ts'

const table = tieredEvents({ due: { age: '200 years' } }, { due: { age: '300 years' }, grace: '1 day', to: undefined })

describeOnEachVersion('the status of tiers', (_version, database) => {
  const statusOf = async (): Promise<Awaited<ReturnType<typeof readTierStatus>>[number]> => {
    const [status] = await readTierStatus(database().db, [table], 'events')
    if (status === undefined) throw new Error('there is a table')
    return status
  }

  test('tells when a partition is due, what it took and what it takes, and how many rows it has', async () => {
    const { db } = database()
    await createEvents(db, table)
    await run(db, 'analyze events')
    const before = await statusOf()
    expect(before).toMatchObject({ key: 'events', state: 'applied', findings: [] })
    expect(before.partitions.map(({ name }) => name)).toEqual(days.map(partitionOf))
    const [first] = before.partitions
    expect(first).toMatchObject({ tier: 'hot', state: 'hot', rows: 200, hotBytes: null, segments: null })
    expect(first?.next).toEqual({ move: 'pack', on: new Date('2226-01-02T00:00:00Z') })

    await movePartition(moveTools(db), { table, partition: partitionOf(1), move: 'pack' })
    const [packed, second] = (await statusOf()).partitions
    expect(packed).toMatchObject({ tier: 'packed', state: 'packed', rows: 200, segmentBy: ['kind'], looseBytes: 0 })
    expect(packed?.hotBytes).toBe(first?.sizeBytes)
    expect(packed?.segments).toBeGreaterThan(0)
    expect(packed?.next).toEqual({ move: 'archive', on: new Date('2326-01-02T00:00:00Z') })
    expect(second).toMatchObject({ tier: 'hot', next: { move: 'pack' } })

    await run(db, 'update events_history set amount = 0 where id = 100001')
    expect((await statusOf()).partitions[0]?.looseBytes).toBeGreaterThan(0)
  })

  test('of a table that is locked says so, and waits for nobody', async () => {
    const holder = await hold(database().url, 'begin', 'lock table events in access exclusive mode')
    try {
      expect(await statusOf()).toMatchObject({
        state: 'unknown',
        partitions: [],
        findings: [{ gravity: 'warn', what: expect.stringMatching(/locked by somebody/) as string }],
      })
    } finally {
      await holder.end('rollback')
    }
  })

  test('names what is declared, where something else is asked for', async () => {
    await expect(readTierStatus(database().db, [table], 'songs')).rejects.toMatchObject({
      code: 'TABLE_UNKNOWN',
      message: expect.stringMatching(/"songs".*expected events/s) as string,
    })
  })
})

const at = new Date('2026-11-22T00:00:00Z')

function partitionWith(changes: Partial<TierPartitionStatus>): TierPartitionStatus {
  const [one] = served.partitions
  if (one === undefined) throw new Error('there is a partition')
  return { ...one, failure: null, failures: 0, notBefore: null, segmentBy: ['kind'], ...changes }
}

function found(changes: Partial<FoundTiers>): readonly string[] {
  const usual = {
    declared: table,
    state: 'applied',
    partitions: [],
    refusals: [],
    now: { versionNum: 180_000, at },
  } as const
  return findTierFindings({ ...usual, ...changes }).map(({ gravity, what }) => `${gravity}: ${what}`)
}

test.each<[string, Partial<FoundTiers>, readonly RegExp[]]>([
  ['nothing', { partitions: [partitionWith({})] }, []],
  ['tiers that are not applied', { state: 'declared' }, [/^warn: .*declared and not applied/]],
  ['tiers that are paused', { state: 'paused' }, [/^note: its tiers are paused/]],
  [
    'a refusal of a tier that is wanted, and none of another',
    {
      refusals: [
        { tiers: ['packed', 'cold'], why: 'w', todo: 't' },
        { tiers: ['slim'], why: 'other', todo: 't' },
      ],
    },
    [/^warn: it cannot be packed or cold: w$/],
  ],
  [
    'a server that counts no reads',
    { declared: tieredEvents({ unread: '14 days' }), now: { versionNum: 150_000, at } },
    [/^note: this server does not count/],
  ],
  ['one that counts them', { declared: tieredEvents({ unread: '14 days' }) }, []],
  [
    'a move that failed, and when it is tried again',
    { partitions: [partitionWith({ failure: 'no room', failures: 3, notBefore: at })] },
    [/^warn: p \(packed\): no room \(3 times in a row\); it rests until 2026-11-22T00:00:00\.000Z$/],
  ],
  [
    'a move that stands still for longer than a day',
    {
      partitions: [
        partitionWith({ state: 'pack:building', updatedAt: new Date('2026-11-20T23:00:00Z') }),
        partitionWith({ state: 'pack:building', updatedAt: new Date('2026-11-21T23:00:00Z') }),
        partitionWith({ state: 'archived', updatedAt: new Date('2026-01-01T00:00:00Z') }),
      ],
    },
    [/^warn: p is pack:building, and nothing was done to it for more than a day$/],
  ],
  [
    'many rows that were changed since',
    { partitions: [partitionWith({ sizeBytes: 20_000_000, looseBytes: 5_000_000 })] },
    [/^note: 25 % of p are rows that were changed since/],
  ],
  [
    'too many packs',
    { partitions: Array.from({ length: 401 }, () => partitionWith({})) },
    [/^warn: 401 of its partitions are packed/],
  ],
  ['400 packs', { partitions: Array.from({ length: 400 }, () => partitionWith({})) }, []],
  [
    'keys that were given up',
    { partitions: [partitionWith({ segmentBy: [] })] },
    [/^note: 1 packed partition could not be cut by kind/],
  ],
])('is found: %s', (_what, changes, expected) => {
  const findings = found(changes)
  expect(findings).toHaveLength(expected.length)
  expected.forEach((pattern, index) => expect(findings[index]).toMatch(pattern))
})
