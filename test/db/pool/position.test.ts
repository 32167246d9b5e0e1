// What the answers about a server's WAL prove: no database.

import { describe, expect, test } from 'vitest'
import { parseLsn } from '../../../src/db/lsn.ts'
import type { Identity } from '../../../src/db/pool/cluster/identity.ts'
import { askPosition, isPromoted, reachedBy, seenBy, timelineOf } from '../../../src/db/pool/statement/position.ts'

const primary: Identity = {
  systemId: '7000000000000000001',
  isReplica: false,
  timeline: 1,
  direct: true,
  versionNum: 180000,
  startedAt: 'zero',
  sizes: { blockBytes: 8_192, segmentBytes: 16_777_216 },
  replayLsn: undefined,
}
const replica: Identity = { ...primary, isReplica: true, replayLsn: 100n }

describe('a read on a replica', () => {
  test('has seen what is replayed, where nothing more was received', () => {
    expect(seenBy(['0/3000100', '0/3000100', 'true'], replica)).toBe(parseLsn('0/3000100'))
  })

  test('may have seen one record more, where more was received', () => {
    const row = ['0/3000100', '0/3000200', 'true']
    expect(reachedBy(row)).toBe(parseLsn('0/3000100'))
    expect(seenBy(row, replica)).toBe(parseLsn('0/3000101'))
  })

  test('may have seen one record more, where what was received is not known', () => {
    expect(seenBy(['0/3000100', null, 'true'], replica)).toBe(parseLsn('0/3000101'))
  })

  test('may have seen one record more where the archive is ahead of the stream', () => {
    expect(seenBy(['0/3000100', '0/2000000', 'true'], replica)).toBe(parseLsn('0/3000101'))
  })

  test('proves nothing of a server that has replayed nothing', () => {
    expect(reachedBy([null, null, 'true'])).toBe(0n)
    expect(reachedBy([])).toBe(0n)
  })

  test('says whether its server was promoted meanwhile', () => {
    expect(isPromoted(['0/3000100', '0/3000100', 'true'], replica)).toBe(false)
    expect(isPromoted(['0/3000100', null, 'false'], replica)).toBe(true)
    // A primary's answer has no such part.
    expect(isPromoted(['0/3000100', '00000001'], primary)).toBe(false)
    expect(isPromoted([], replica)).toBe(false)
  })
})

describe('a read on the primary', () => {
  test('has seen no more than what is inserted', () => {
    expect(seenBy(['16/B374D848', '00000001'], primary)).toBe(parseLsn('16/B374D848'))
  })

  test('has not seen the header of a page that nothing is written to yet', () => {
    expect(seenBy(['0/3002018', '00000001'], primary)).toBe(parseLsn('0/3002000'))
    expect(seenBy(['0/4000028', '00000001'], primary)).toBe(parseLsn('0/4000000'))
  })

  test('says which timeline it was on, in hexadecimal', () => {
    expect(timelineOf(['0/3000100', '00000001'])).toBe(1)
    expect(timelineOf(['0/3000100', '0000001A'])).toBe(26)
    expect(timelineOf(['0/3000100', 'FFFFFFFF'])).toBe(4_294_967_295)
  })

  test('says nothing of it where there is no answer', () => {
    expect(timelineOf(['0/3000100', null])).toBeUndefined()
    expect(timelineOf([])).toBeUndefined()
  })
})

test('the question is named only where statements may be', () => {
  expect(askPosition(true, false).name).toBeUndefined()
  expect(askPosition(false, false).name).toBeUndefined()
  expect(askPosition(true, true).name).not.toBe(askPosition(false, true).name)
})
