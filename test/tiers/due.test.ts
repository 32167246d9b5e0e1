// What is done next with each partition, decided from what is known of it: what is under way goes on, a person comes before the
// declaration, and whatever is asked for can be done from where the partition is.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TieredTable, Warm } from '../../src/tiers/model/options.ts'
import type { TierPartition } from '../../src/tiers/model/record.ts'
import { follow, isResting, moves, restingStates, states } from '../../src/tiers/model/states.ts'
import { planMoves, type PartitionReading } from '../../src/tiers/move/due.ts'
import { checkProperty } from '../support/property.ts'
import { tieredEvents } from './move-support.ts'

const cold: TieredTable['cold'] = { due: { age: '1 year' }, grace: '7 days', to: undefined }
const packing = tieredEvents()
const slimming = tieredEvents({ strength: 'slim' })
const archiving = tieredEvents({}, cold)

const record: TierPartition = {
  id: 1n,
  tierTable: 1,
  schema: 'public',
  name: 'events_2026_01_01',
  oid: 1,
  lower: '2026-01-01 00:00:00+00',
  upper: '2026-01-02 00:00:00+00',
  state: 'hot',
  rest: 'hot',
  token: 0n,
  request: null,
  requestBy: null,
  pack: null,
  nextPack: null,
  incoming: null,
  snapshot: null,
  fingerprint: null,
  content: null,
  heapBytes: null,
  tierBytes: null,
  archive: null,
  fitting: null,
  dropAfter: null,
  anew: 0,
  failures: 0,
  failure: null,
  notBefore: null,
  held: false,
  movedAt: null,
  updatedAt: '2026-01-01T00:00:00+00:00',
}

const nothing: Omit<PartitionReading, 'record'> = {
  isAhead: false,
  isWarmDue: false,
  isColdDue: false,
  isUnread: false,
  heapBytes: 0,
  unpackedBytes: 1,
  isResting: false,
  isGraceOver: false,
}

interface Case extends Partial<Omit<PartitionReading, 'record'>> {
  readonly is?: Partial<TierPartition>
  readonly table?: TieredTable
}

/** `none`: it is left alone. `on`: what is under way goes on. */
function nextOf({ is = {}, table = packing, ...reading }: Case): string {
  const [next] = planMoves(table, [{ ...nothing, ...reading, record: { ...record, ...is } }])
  return next === undefined ? 'none' : (next.move ?? 'on')
}

test.each<[string, Case, string]>([
  ['nothing is due', {}, 'none'],
  ['it is old', { isWarmDue: true }, 'pack'],
  ['it is old, and to be slim', { isWarmDue: true, table: slimming }, 'slim'],
  ['nobody reads it', { isUnread: true }, 'pack'],
  ['it is old, and can be written to by plan', { isWarmDue: true, isAhead: true }, 'none'],
  ['it is old, and a person keeps it', { isWarmDue: true, is: { held: true } }, 'none'],
  ['it is old, and was disturbed a moment ago', { isWarmDue: true, isResting: true }, 'none'],
  ['a slim one, to be packed', { isWarmDue: true, is: { state: 'slim', rest: 'slim' } }, 'pack'],
  ['a slim one, to be slim', { isWarmDue: true, is: { state: 'slim', rest: 'slim' }, table: slimming }, 'none'],
  ['it is old, and empty', { isWarmDue: true, unpackedBytes: 0 }, 'none'],
  ['a packed one', { isWarmDue: true, is: { state: 'packed', rest: 'packed', heapBytes: 100 } }, 'none'],
  ['a packed one to which little came', { unpackedBytes: 9, is: { state: 'packed', heapBytes: 100 } }, 'none'],
  ['a packed one to which much came', { unpackedBytes: 10, is: { state: 'packed', heapBytes: 100 } }, 'pack'],
  ['older than old', { isWarmDue: true, isColdDue: true, table: archiving }, 'archive'],
  ['a packed one that is older than old', { isColdDue: true, is: { state: 'packed' }, table: archiving }, 'archive'],
  ['older than old, and no archive is declared', { isWarmDue: true, isColdDue: true }, 'pack'],
  ['an archived one with grace', { is: { state: 'archived' }, table: archiving }, 'none'],
  ['an archived one without', { isGraceOver: true, is: { state: 'archived' }, table: archiving }, 'drop'],
  [
    'an archived one without, and `cold` is not declared any more',
    { isGraceOver: true, is: { state: 'archived', requestBy: 'policy', request: 'archive' } },
    'none',
  ],
  ['a cold one', { isColdDue: true, is: { state: 'cold', oid: null }, table: archiving }, 'none'],
  [
    'a person wants it back',
    { is: { state: 'cold', request: 'restore', requestBy: 'person' }, table: archiving },
    'restore',
  ],
  ['a person does not wait for the grace', { is: { state: 'archived', request: 'drop', requestBy: 'person' } }, 'drop'],
  [
    'a person asks for one that was disturbed',
    { isResting: true, is: { request: 'pack', requestBy: 'person' } },
    'pack',
  ],
  ['a person asks for what cannot be', { is: { request: 'restore', requestBy: 'person' } }, 'none'],
  ['it is under way', { is: { state: 'pack:building', request: 'pack' } }, 'on'],
  [
    'it is under way, and failed a moment ago',
    { isResting: true, is: { state: 'pack:building', request: 'pack' } },
    'none',
  ],
])('%s', (_, reading, expected) => {
  expect(nextOf(reading)).toBe(expected)
})

test('partitions that take too much are packed, the oldest first, until the others do not', () => {
  const table = tieredEvents({ due: undefined, overBytes: 250 } satisfies Partial<Warm>)
  const partitions = [1n, 2n, 3n, 4n].map((id) => ({ ...nothing, heapBytes: 100, record: { ...record, id } }))
  expect(planMoves(table, partitions).map(({ record: { id }, move }) => [id, move])).toEqual([
    [1n, 'pack'],
    [2n, 'pack'],
  ])
  const ahead = partitions.map((one) => ({ ...one, isAhead: one.record.id < 3n }))
  expect(planMoves(table, ahead).map(({ record: { id } }) => id)).toEqual([3n, 4n])
  expect(planMoves(table, partitions.slice(2))).toEqual([])
})

const partition = fc.record<PartitionReading>({
  isAhead: fc.boolean(),
  isWarmDue: fc.boolean(),
  isColdDue: fc.boolean(),
  isUnread: fc.boolean(),
  heapBytes: fc.nat(100),
  unpackedBytes: fc.nat(100),
  isResting: fc.boolean(),
  isGraceOver: fc.boolean(),
  record: fc
    .record({
      state: fc.constantFrom(...states),
      rest: fc.constantFrom(...restingStates),
      request: fc.constantFrom(null, ...moves),
      requestBy: fc.constantFrom(null, 'policy' as const, 'person' as const),
      held: fc.boolean(),
      heapBytes: fc.constantFrom(null, 0, 50),
    })
    .map((drawn) => ({ ...record, ...drawn })),
})

test('whatever is planned can be done, and nobody is moved by a policy who is kept, ahead, or resting', async () => {
  await checkProperty(
    'planned moves',
    fc.tuple(fc.constantFrom(packing, slimming, archiving), fc.array(partition, { maxLength: 5 })),
    ([table, drawn]) => {
      const partitions = drawn.map((one, index) => ({ ...one, record: { ...one.record, id: BigInt(index) } }))
      for (const { record: one, move } of planMoves(table, partitions)) {
        const reading = partitions[Number(one.id)]
        const isAsked = one.requestBy === 'person' && one.request === move
        if (move === undefined) expect(isResting(one.state) || one.state === 'archived').toBe(false)
        else expect(follow(one, move), `${move} in state ${one.state}`).not.toBeNull()
        if (isAsked) continue
        expect(reading?.isResting).toBe(false)
        if (move !== undefined && move !== 'drop') expect([reading?.isAhead, one.held]).toEqual([false, false])
        if (move === 'drop') expect(reading?.isGraceOver).toBe(true)
        if (move === 'archive' || move === 'drop') expect(table.cold).toBeDefined()
      }
    },
    { runs: 500 },
  )
})
