// What the pool makes of a promotion: who is followed, what is told of it and how often, and what a token of before is worth
// then. No database.

import { beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { Router } from '../../../src/db/pool/routing/router.ts'
import {
  asPrimary,
  asReplica,
  dead,
  forget,
  heard,
  makeCluster,
  openCluster,
  ours,
  type Servers,
} from './cluster-support.ts'

beforeEach(forget)

describe('a promotion', () => {
  test('is followed, and says up to where commits survived', () => {
    const { cluster, primary, first } = openCluster()
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 500n }))
    expect(cluster.writer).toBe(first)
    expect(cluster.timeline).toBe(2)
    expect(heard.changes).toEqual([{ from: 1, to: 2, survivedUpTo: '0/1F4', node: 'replica-1' }])
    expect(heard.writers).toEqual([{ from: 'primary', to: 'replica-1', timeline: 2 }])
  })

  test('of a server that was started since it was seen in recovery does not', () => {
    const { cluster, primary, first } = openCluster()
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one again', { timeline: 2, replayLsn: 500n }))
    expect(heard.changes).toEqual([{ from: 1, to: 2, survivedUpTo: undefined, node: 'replica-1' }])
  })

  test('of a server that was never seen in recovery does not', () => {
    const { cluster, primary, first, second } = makeCluster()
    cluster.noteDown(first, dead)
    cluster.noteIdentity(second, asReplica('two'))
    cluster.noteIdentity(primary, asPrimary('zero'))
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 500n }))
    expect(heard.changes).toEqual([{ from: 1, to: 2, survivedUpTo: undefined, node: 'replica-1' }])
  })

  test('that is not the next one does not', () => {
    const { cluster, primary, first } = openCluster()
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one', { timeline: 3, replayLsn: 500n }))
    expect(heard.changes).toEqual([{ from: 1, to: 3, survivedUpTo: undefined, node: 'replica-1' }])
  })

  test('takes the replicas of the old timeline out of use until they follow', () => {
    const { cluster, primary, first, second } = openCluster()
    const router = new Router({ cluster, clock: systemClock, sampleEveryMs: 25 })
    const nowMs = systemClock.monotonic()
    cluster.noteSample(primary, { isReplica: false, position: 100n, askedAtMs: nowMs }, nowMs)
    cluster.noteSample(second, { isReplica: true, position: 100n, askedAtMs: nowMs }, nowMs)
    expect(router.whyNot(second, 'read', undefined, nowMs)).toBeUndefined()
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 100n }))
    expect(router.whyNot(second, 'read', undefined, nowMs)).toBe('it follows another timeline')
    cluster.noteIdentity(second, asReplica('two', { timeline: 2 }))
    expect(router.whyNot(second, 'read', undefined, nowMs)).toBeUndefined()
  })
})

describe('what a token of before a promotion is worth', () => {
  const tokenOf = (timeline: number, lsn: bigint): { systemId: string; timeline: number; lsn: bigint } => ({
    systemId: ours,
    timeline,
    lsn,
  })
  const verdictOf = ({ cluster }: Servers, timeline: number, lsn: bigint): string =>
    cluster.verdictOf(tokenOf(timeline, lsn)).verdict

  test('is doubtful where no server has answered yet', () => {
    expect(verdictOf(makeCluster(), 1, 1n)).toBe('doubtful')
  })

  test('follows each known step, however many', () => {
    const servers = openCluster()
    const { cluster, primary, first, second } = servers
    expect(verdictOf(servers, 1, 10_000n)).toBe('kept')
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 500n }))
    expect(verdictOf(servers, 1, 500n)).toBe('kept')
    expect(verdictOf(servers, 1, 501n)).toBe('doubtful')
    cluster.noteIdentity(second, asReplica('two', { timeline: 2 }))
    cluster.noteDown(first, dead)
    cluster.noteIdentity(second, asPrimary('two', { timeline: 3, replayLsn: 800n }))
    expect(heard.changes.map(({ from, to, survivedUpTo }) => [from, to, survivedUpTo])).toEqual([
      [1, 2, '0/1F4'],
      [2, 3, '0/320'],
    ])
    expect(verdictOf(servers, 1, 500n)).toBe('kept')
    expect(verdictOf(servers, 1, 501n)).toBe('doubtful')
    expect(verdictOf(servers, 2, 800n)).toBe('kept')
    expect(verdictOf(servers, 2, 801n)).toBe('doubtful')
    expect(verdictOf(servers, 3, 9_999n)).toBe('kept')
    expect(verdictOf(servers, 4, 1n)).toBe('doubtful')
  })

  test('is doubtful behind a second step that ends before it, though the first kept it', () => {
    const servers = openCluster()
    const { cluster, primary, first, second } = servers
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 500n }))
    cluster.noteIdentity(second, asReplica('two', { timeline: 2 }))
    cluster.noteDown(first, dead)
    // Promoted from a point before the one where timeline 2 began.
    cluster.noteIdentity(second, asPrimary('two', { timeline: 3, replayLsn: 400n }))
    expect(verdictOf(servers, 1, 400n)).toBe('kept')
    expect(verdictOf(servers, 1, 450n)).toBe('doubtful')
  })

  test('is doubtful where a step between was not seen', () => {
    const servers = openCluster()
    const { cluster, primary, first } = servers
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one', { timeline: 3, replayLsn: 500n }))
    expect(verdictOf(servers, 1, 1n)).toBe('doubtful')
    expect(verdictOf(servers, 2, 1n)).toBe('doubtful')
    expect(verdictOf(servers, 3, 1n)).toBe('kept')
  })
})

test('each thing is told once, however often it is heard', () => {
  const { cluster, primary, first, second } = openCluster()
  expect(heard.statuses.map(({ node, state }) => `${node} ${state}`)).toEqual([
    'primary up',
    'replica-1 up',
    'replica-2 up',
  ])
  for (let turn = 0; turn < 3; turn++) {
    cluster.noteIdentity(primary, asPrimary('zero'))
    cluster.noteIdentity(first, asReplica('one'))
    cluster.noteIdentity(second, asReplica('two'))
  }
  expect(heard.statuses.length).toBe(3)
  heard.statuses.length = 0
  for (let turn = 0; turn < 3; turn++) cluster.noteDown(primary, dead)
  for (let turn = 0; turn < 3; turn++) {
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 100n }))
    cluster.noteIdentity(second, asReplica('two', { timeline: 2 }))
    cluster.noteDown(primary, dead)
  }
  expect(heard.statuses.map(({ node, state }) => `${node} ${state}`)).toEqual(['primary down'])
  expect(heard.writers).toHaveLength(1)
  expect(heard.changes).toHaveLength(1)
  expect(heard.renewed).toEqual(['replica-1'])
})
