// Who takes writes, from what the servers say of themselves alone: no database. What is dear here is to write to the wrong
// one, so each way of being led to it has a test of its own.

import { beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { Cluster } from '../../../src/db/pool/cluster/cluster.ts'
import { Router } from '../../../src/db/pool/routing/router.ts'
import {
  asPrimary,
  asReplica,
  dead,
  forget,
  heard,
  makeCluster,
  makeNode,
  openCluster,
  ours,
  theirs,
  type Servers,
} from './cluster-support.ts'

beforeEach(forget)

function statesOf({ cluster }: Servers): readonly string[] {
  return cluster.nodes.map(({ state }) => state)
}

describe('the first writer', () => {
  test('is the primary, and not before every node has answered or failed', () => {
    const servers = makeCluster()
    const { cluster, primary, first, second } = servers
    cluster.noteIdentity(primary, asPrimary('zero'))
    cluster.noteIdentity(first, asReplica('one'))
    expect(cluster.settled).toBe(false)
    expect(cluster.writer).toBeUndefined()
    cluster.noteDown(second, dead)
    expect(cluster.settled).toBe(true)
    expect(cluster.writer).toBe(primary)
    expect(statesOf(servers)).toEqual(['up', 'up', 'down'])
    expect(cluster.timeline).toBe(1)
    expect(heard.writers).toEqual([])
    expect(heard.changes).toEqual([])
  })

  test('is found without those who never answer: they have had their time', () => {
    const servers = makeCluster()
    const { cluster, primary, first } = servers
    cluster.noteIdentity(primary, asPrimary('zero'))
    cluster.settle()
    expect(cluster.settled).toBe(true)
    expect(cluster.writer).toBe(primary)
    expect(statesOf(servers)).toEqual(['up', 'down', 'down'])
    expect(first.why).toContain('no answer yet')
    // Who has answered is not touched by it, and who comes late is up.
    cluster.settle()
    cluster.noteIdentity(first, asReplica('one'))
    expect(statesOf(servers)).toEqual(['up', 'up', 'down'])
  })

  test('is none of two primaries, and the error names both', () => {
    const { cluster, primary, first, second } = makeCluster()
    cluster.noteIdentity(primary, asPrimary('zero'))
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2 }))
    cluster.noteDown(second, dead)
    expect(cluster.writer).toBeUndefined()
    const error = cluster.noWriterError()
    expect(error.code).toBe('NO_PRIMARY')
    expect(error.message).toContain('several primaries (primary on timeline 1, replica-1 on timeline 2)')
  })

  test('is the promoted one where the configured one is dead: a fresh process after a failover', () => {
    const { cluster, primary, first, second } = makeCluster()
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(second, asReplica('two', { timeline: 2 }))
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 100n }))
    expect(cluster.writer).toBe(first)
    expect(cluster.timeline).toBe(2)
    // Nothing was followed: there is nothing to tell.
    expect(heard.changes).toEqual([])
    // The old one that comes back afterwards is not written to.
    cluster.noteIdentity(primary, asPrimary('zero again'))
    expect(cluster.writer).toBe(first)
    expect(primary.state).toBe('refused')
    expect(primary.why).toContain('on timeline 1: a second primary')
  })

  test('is never one that was no replica of anybody: timeline 1, in the place of a replica', () => {
    const { cluster, primary, first, second } = makeCluster()
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one'))
    cluster.noteDown(second, dead)
    expect(cluster.writer).toBeUndefined()
    expect(cluster.noWriterError().code).toBe('NO_PRIMARY')
  })
})

describe('a server of another cluster', () => {
  test('is refused in the place of a replica, also its connections', () => {
    const servers = openCluster()
    const { cluster, first } = servers
    cluster.noteIdentity(first, asReplica('stranger', { systemId: theirs }))
    expect(first.state).toBe('refused')
    expect(first.why).toContain('belongs to another cluster')
    expect(cluster.verify(first, asReplica('stranger', { systemId: theirs }))).toMatchObject({ code: 'NODE_REFUSED' })
    expect(statesOf(servers)).toEqual(['up', 'refused', 'up'])
    expect(cluster.systemId).toBe(ours)
  })

  test('is not written to when it answers first, and the configured primary decides', () => {
    const servers = makeCluster()
    const { cluster, primary, first, second } = servers
    cluster.noteIdentity(first, asPrimary('stranger', { systemId: theirs }))
    cluster.noteIdentity(second, asReplica('two'))
    cluster.noteDown(primary, dead)
    expect(cluster.writer).toBeUndefined()
    cluster.noteIdentity(primary, asPrimary('zero'))
    expect(cluster.writer).toBe(primary)
    expect(cluster.systemId).toBe(ours)
    expect(statesOf(servers)).toEqual(['up', 'refused', 'up'])
    expect(heard.changes).toEqual([])
  })

  test('that led while the configured primary was down is left when that comes, and no promotion is told', () => {
    const { cluster, primary, first, second } = makeCluster()
    cluster.noteDown(primary, dead)
    cluster.noteDown(second, dead)
    cluster.noteIdentity(first, asPrimary('stranger', { systemId: theirs, timeline: 5 }))
    cluster.noteIdentity(primary, asPrimary('zero', { timeline: 3 }))
    expect(cluster.writer).toBe(primary)
    expect(cluster.timeline).toBe(3)
    expect(first.state).toBe('refused')
    expect(heard.changes).toEqual([])
  })

  test('does not become ours by answering in the place of the primary later', () => {
    const { cluster, primary, first } = openCluster()
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(primary, asPrimary('stranger', { systemId: theirs, timeline: 9 }))
    expect(primary.state).toBe('refused')
    expect(cluster.writer).toBeUndefined()
    expect(cluster.noWriterError().message).toContain('primary belongs to another cluster')
    expect(cluster.systemId).toBe(ours)
    expect(cluster.timeline).toBe(1)
    expect(first.state).toBe('up')
  })
})

test('the same server named twice is refused as itself', () => {
  const { cluster, primary, first, second } = makeCluster()
  cluster.noteIdentity(primary, asPrimary('zero', { timeline: 2 }))
  cluster.noteIdentity(first, asPrimary('zero', { timeline: 2 }))
  cluster.noteIdentity(second, asReplica('two', { timeline: 2 }))
  expect(cluster.writer).toBe(primary)
  expect(first.state).toBe('refused')
  expect(first.why).toContain('it is primary itself')
})

describe('a writer', () => {
  test('stays, whoever else claims to be one', () => {
    const { cluster, primary, first } = openCluster()
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 100n }))
    expect(cluster.writer).toBe(primary)
    expect(cluster.timeline).toBe(1)
    expect(first.state).toBe('refused')
    expect(first.why).toContain('on timeline 2: a second primary')
    expect(heard.renewed).toEqual(['replica-1'])
  })

  test('that is down for a moment keeps the writes: nobody else may take them', () => {
    const servers = openCluster()
    const { cluster, primary } = servers
    cluster.noteDown(primary, dead)
    expect(cluster.writer).toBe(primary)
    expect(statesOf(servers)).toEqual(['down', 'up', 'up'])
    cluster.noteIdentity(primary, asPrimary('zero'))
    expect(cluster.writer).toBe(primary)
    expect(statesOf(servers)).toEqual(['up', 'up', 'up'])
    expect(heard.writers).toEqual([])
    expect(heard.changes).toEqual([])
  })

  test('that is down does not hand the writes to an old primary of a lower timeline', () => {
    const { cluster, primary, first, second } = openCluster()
    cluster.noteDown(primary, dead)
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 100n }))
    cluster.noteIdentity(second, asReplica('two', { timeline: 2 }))
    cluster.noteIdentity(primary, asPrimary('zero again'))
    expect(cluster.writer).toBe(first)
    cluster.noteDown(first, dead)
    expect(cluster.writer).toBe(first)
    expect(cluster.timeline).toBe(2)
    // Nor when it is asked once more.
    cluster.noteIdentity(primary, asPrimary('zero again'))
    expect(cluster.writer).toBe(first)
    expect(primary.state).toBe('refused')
    // Nor when the one that led comes back as a replica.
    cluster.noteIdentity(first, asReplica('one again', { timeline: 2 }))
    expect(cluster.writer).toBeUndefined()
    expect(cluster.timeline).toBe(2)
  })

  test('behind whose address the old primary answers again is not written to until the new one is back', () => {
    const { cluster, primary, second } = openCluster()
    cluster.noteIdentity(primary, asPrimary('promoted', { timeline: 2, replayLsn: 100n }))
    expect(cluster.writer).toBe(primary)
    cluster.noteIdentity(primary, asPrimary('zero'))
    expect(cluster.writer).toBeUndefined()
    expect(cluster.timeline).toBe(2)
    expect(primary.state).toBe('refused')
    expect(primary.why).toBe('it takes writes on timeline 1, which was left behind')
    expect(cluster.noWriterError().message).toContain('primary is on timeline 1, not ours')
    cluster.noteIdentity(second, asReplica('two', { timeline: 2 }))
    expect(second.state).toBe('up')
    cluster.noteIdentity(primary, asPrimary('promoted', { timeline: 2, replayLsn: 100n }))
    expect(cluster.writer).toBe(primary)
    expect(heard.changes.map(({ from, to }) => [from, to])).toEqual([[1, 2]])
  })

  test('is the newest of several promoted ones', () => {
    const { cluster, primary, first, second } = openCluster()
    cluster.noteIdentity(first, asPrimary('one', { timeline: 2, replayLsn: 100n }))
    cluster.noteIdentity(second, asPrimary('two', { timeline: 3, replayLsn: 100n }))
    cluster.noteDown(primary, dead)
    expect(cluster.writer).toBe(second)
    expect(cluster.timeline).toBe(3)
  })
})

test('replicas serve although no primary ever answered', () => {
  const { cluster, primary, first, second } = makeCluster()
  const router = new Router({ cluster, clock: systemClock, sampleEveryMs: 25 })
  cluster.noteDown(primary, dead)
  cluster.noteIdentity(first, asReplica('one', { timeline: 3 }))
  cluster.noteIdentity(second, asReplica('two', { timeline: 2 }))
  const nowMs = systemClock.monotonic()
  cluster.noteSample(first, { isReplica: true, position: 100n, askedAtMs: nowMs }, nowMs)
  cluster.noteSample(second, { isReplica: true, position: 100n, askedAtMs: nowMs }, nowMs)
  expect(cluster.writer).toBeUndefined()
  expect(cluster.timeline).toBe(3)
  expect(router.whyNot(first, 'read', undefined, nowMs)).toBeUndefined()
  expect(router.whyNot(second, 'read', undefined, nowMs)).toBe('it follows another timeline')
  const { message } = cluster.noWriterError()
  expect(message).toContain('primary does not answer (connect ECONNREFUSED)')
  expect(message).toContain('replica-1 is a replica')
})

test('connections belong to what the node was when they were asked for', () => {
  const { cluster, primary, first } = openCluster()
  expect(cluster.verify(primary, asPrimary('zero'))).toBeUndefined()
  expect(cluster.verify(first, asReplica('one'))).toBeUndefined()
  expect(cluster.verify(first, asPrimary('one', { timeline: 2 }))).toMatchObject({ code: 'NODE_REFUSED' })
  expect(cluster.verify(primary, asReplica('zero'))).toMatchObject({ code: 'NODE_REFUSED' })
})

test('a single node is the writer, whatever it is, and another server behind its name renews its connections', () => {
  const only = makeNode('primary')
  const cluster = new Cluster([only], {
    onNode: () => undefined,
    onWriter: () => undefined,
    onTimeline: (change) => void heard.changes.push(change),
    onNews: () => undefined,
  })
  expect(cluster.settled).toBe(true)
  expect(cluster.writer).toBe(only)
  expect(cluster.verify(only, asPrimary('zero'))).toBeUndefined()
  expect(cluster.verify(only, asPrimary('zero'))).toBeUndefined()
  expect(heard.renewed).toEqual([])
  expect(cluster.verify(only, asPrimary('one', { timeline: 2 }))).toBeUndefined()
  expect(heard.renewed).toEqual(['primary'])
  expect(heard.changes).toEqual([{ from: 1, to: 2, survivedUpTo: undefined, node: 'primary' }])
})
