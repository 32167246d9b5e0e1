// What a session has seen, and when that is not known: no database. A session that goes back, or that settles too early,
// reads what it has already seen replaced.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CausalSession, isForeign } from '../../../src/db/pool/routing/session.ts'
import { checkProperty } from '../../support/property.ts'

const ours = '7000000000000000001'
const theirs = '7000000000000000002'

describe('a position', () => {
  test('only grows', () => {
    const session = new CausalSession(undefined, true)
    expect(session.token).toBeUndefined()
    session.join(ours, 1, 100n)
    session.join(ours, 1, 50n)
    expect(session.token).toEqual({ systemId: ours, timeline: 1, lsn: 100n })
    session.join(ours, 1, 101n)
    expect(session.token).toEqual({ systemId: ours, timeline: 1, lsn: 101n })
  })

  test('of a higher timeline goes before any position of a lower one', () => {
    const session = new CausalSession({ systemId: ours, timeline: 1, lsn: 1_000n }, true)
    session.join(ours, 2, 400n)
    expect(session.token).toEqual({ systemId: ours, timeline: 2, lsn: 400n })
    session.join(ours, 1, 2_000n)
    expect(session.token).toEqual({ systemId: ours, timeline: 2, lsn: 400n })
  })

  test('is the same whatever the order in which positions come', async () => {
    const position = fc.record({ timeline: fc.integer({ min: 1, max: 4 }), lsn: fc.bigInt({ min: 1n, max: 20n }) })
    await checkProperty('joined positions', fc.array(position, { minLength: 1, maxLength: 12 }), (positions) => {
      const session = new CausalSession(undefined, true)
      for (const { timeline, lsn } of positions) {
        const before = { timeline: session.timeline, lsn: session.lsn }
        session.join(ours, timeline, lsn)
        const wentBack =
          session.timeline < before.timeline || (session.timeline === before.timeline && session.lsn < before.lsn)
        expect(wentBack).toBe(false)
      }
      const timeline = Math.max(...positions.map((each) => each.timeline))
      const lsns = positions.filter((each) => each.timeline === timeline).map((each) => each.lsn)
      expect(session.token).toEqual({ systemId: ours, timeline, lsn: lsns.reduce((a, b) => (a > b ? a : b)) })
    })
  })

  test('of another cluster is refused, and changes nothing', () => {
    const session = new CausalSession({ systemId: ours, timeline: 1, lsn: 100n }, true)
    expect(() => session.join(theirs, 2, 200n)).toThrow(expect.objectContaining({ code: 'TOKEN_FOREIGN' }))
    expect(session.token).toEqual({ systemId: ours, timeline: 1, lsn: 100n })
    expect(isForeign(session, { systemId: theirs })).toBe(true)
    expect(isForeign(session, { systemId: ours })).toBe(false)
    expect(isForeign(session, undefined)).toBe(false)
    expect(isForeign(undefined, { systemId: theirs })).toBe(false)
    expect(isForeign(new CausalSession(undefined, true), { systemId: theirs })).toBe(false)
  })
})

describe('what is not known', () => {
  test('is settled by what was asked for after it', () => {
    const session = new CausalSession(undefined, true)
    expect(session.isUnsettled).toBe(false)
    session.unsettle()
    expect(session.isUnsettled).toBe(true)
    session.settle(session.epoch)
    expect(session.isUnsettled).toBe(false)
  })

  test('is not settled by what was asked for before it', () => {
    const session = new CausalSession(undefined, true)
    session.unsettle()
    const early = session.epoch
    session.unsettle()
    session.settle(early)
    expect(session.isUnsettled).toBe(true)
    session.settle(session.epoch)
    expect(session.isUnsettled).toBe(false)
  })

  test('stays so while anything is under way, whatever is settled meanwhile', () => {
    const session = new CausalSession(undefined, true)
    session.begin()
    session.begin()
    session.settle(session.epoch)
    expect(session.isUnsettled).toBe(true)
    session.finish()
    expect(session.isUnsettled).toBe(true)
    session.finish()
    expect(session.isUnsettled).toBe(false)
  })

  test('stays so behind a stream that ends, until something is asked for after its end', () => {
    const session = new CausalSession(undefined, true)
    session.begin()
    // A read beside the stream: what it brings says nothing of what the stream does behind it.
    const beside = session.epoch
    session.unsettle()
    session.finish()
    session.settle(beside)
    expect(session.isUnsettled).toBe(true)
    session.settle(session.epoch)
    expect(session.isUnsettled).toBe(false)
  })

  test('is written in the token, and read from it', () => {
    const session = new CausalSession({ systemId: ours, timeline: 1, lsn: 100n }, true)
    expect(session.token).not.toHaveProperty('isUnsettled')
    session.begin()
    expect(session.token).toEqual({ systemId: ours, timeline: 1, lsn: 100n, isUnsettled: true })
    session.finish()
    session.unsettle()
    const { token } = session
    expect(token).toEqual({ systemId: ours, timeline: 1, lsn: 100n, isUnsettled: true })
    const next = new CausalSession(token, true)
    expect(next.isUnsettled).toBe(true)
    next.settle(next.epoch)
    expect(next.token).toEqual({ systemId: ours, timeline: 1, lsn: 100n })
  })

  test('comes with the token of somebody else, and not to the process', () => {
    const outside = new CausalSession(undefined, false)
    const session = new CausalSession({ systemId: ours, timeline: 1, lsn: 100n }, true, outside)
    const early = session.epoch
    session.joinToken({ systemId: ours, timeline: 1, lsn: 50n })
    expect(session.isUnsettled).toBe(false)
    session.joinToken({ systemId: ours, timeline: 1, lsn: 50n, isUnsettled: true })
    session.settle(early)
    expect(session.token).toEqual({ systemId: ours, timeline: 1, lsn: 100n, isUnsettled: true })
    expect(outside.isUnsettled).toBe(false)
  })

  test('of a session is not known of the process either; what settles the one does not settle the other', () => {
    const outside = new CausalSession(undefined, false)
    const session = new CausalSession(undefined, true, outside)
    const early = outside.epoch
    session.unsettle()
    expect(outside.isUnsettled).toBe(true)
    outside.settle(early)
    expect(outside.isUnsettled).toBe(true)
    session.settle(session.epoch)
    expect(session.isUnsettled).toBe(false)
    expect(outside.isUnsettled).toBe(true)
    outside.settle(outside.epoch)
    expect(outside.isUnsettled).toBe(false)
    // What happens outside is none of the session's.
    outside.unsettle()
    expect(session.isUnsettled).toBe(false)
  })
})
