// The rules by themselves: nothing is ever found of an honest node, whatever happens to it; what each rule finds and what it does not;
// what a node may become; when its turn comes.

import fc from 'fast-check'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { judgeAddresses } from '../../../examples/streamr/src/prober/fraud/crowded-address.ts'
import { judge } from '../../../examples/streamr/src/prober/fraud/judge.ts'
import type { Answered, CheckedAnswer, Known, PolledAnswer } from '../../../examples/streamr/src/prober/fraud/rule.ts'
import {
  changedBy,
  statusAfter,
  statuses,
  transitions,
  type NodeEvent,
} from '../../../examples/streamr/src/prober/node-status.ts'
import { parseSegment, parseStats, type NodeStats } from '../../../examples/streamr/src/prober/response.ts'
import { segmentDigest } from '../../../examples/streamr/src/prober/segment.ts'
import { resolveSettings } from '../../../examples/streamr/src/prober/settings.ts'
import { createTurns } from '../../../examples/streamr/src/prober/slots.ts'
import { SimulatedNode, type Reply } from '../../../examples/streamr/src/simulated/index.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { checkProperty, seed } from '../../support/property.ts'
import { useStreamr } from './support.ts'

const settings = resolveSettings()
const nothing: Known = { poll: undefined, check: undefined }
const atMs = 1_800_000_000_000

function polled(stats: Partial<NodeStats> = {}, digest = 'first', at = atMs): PolledAnswer {
  const usual = { nodeId: 'ada', sequence: 10, timestampMs: at, heartbeatMs: at, uptimeS: 1_000, viewers: 40 }
  return { type: 'stats_poll', nodeId: 'ada', atMs: at, stats: { ...usual, bytesSent: 1e9, ...stats }, digest }
}

function checked(answer: Partial<CheckedAnswer['answer']> = {}, said: Partial<CheckedAnswer> = {}): CheckedAnswer {
  const usual = { nonce: 'n', digest: 'd', uptimeS: 1_000, viewers: 40, bytesSent: 1e9 }
  return {
    type: 'spot_check',
    nodeId: 'ada',
    atMs,
    isOurs: true,
    isContent: true,
    answer: { ...usual, ...answer },
    ...said,
  }
}

function foundOf(answered: Answered, known: Known = nothing): readonly string[] {
  return judge(answered, known, settings).found.map(({ rule }) => rule)
}

describe('rules', () => {
  const last = polled()
  const later = atMs + 60_000
  const next = (stats: Partial<NodeStats> = {}): PolledAnswer =>
    polled({ sequence: 11, uptimeS: 1_060, bytesSent: 1.01e9, ...stats }, 'second', later)

  test.each<[string, Answered, Known, readonly string[]]>([
    ['a first answer', polled(), nothing, []],
    ['the next one', next(), { poll: last, check: undefined }, []],
    ['one after a restart', next({ sequence: 1, uptimeS: 5, bytesSent: 100 }), { poll: last, check: undefined }, []],
    ['the same bytes', polled({}, 'first', later), { poll: last, check: undefined }, ['replay']],
    ['an earlier time', next({ timestampMs: atMs - 1 }), { poll: last, check: undefined }, ['replay']],
    ['a sequence that stands', next({ sequence: 10 }), { poll: last, check: undefined }, ['replay']],
    ['an old time', polled({ timestampMs: atMs - settings.fraud.clockSkewMs - 1 }), nothing, ['replay']],
    ['a clock that is a little off', polled({ timestampMs: atMs + settings.fraud.clockSkewMs }), nothing, []],
    ['a time in the future', polled({ timestampMs: atMs + settings.fraud.clockSkewMs + 1 }), nothing, ['impossible']],
    ['a heartbeat in the future', polled({ heartbeatMs: atMs + 86_400_000 }), nothing, ['impossible']],
    ['fewer than no viewers', polled({ viewers: -1 }), nothing, ['impossible']],
    ['half a viewer', polled({ viewers: 0.5 }), nothing, ['impossible']],
    ['another node', polled({ nodeId: 'bob' }), nothing, ['impossible']],
    ['no number of an answer', polled({ sequence: 0 }), nothing, ['impossible']],
    ['more bytes than its whole time allows', polled({ bytesSent: 1_002 * 125e6 }), nothing, ['impossible']],
    [
      'more bytes than a minute allows',
      next({ bytesSent: 1e9 + 62 * 125e6 }),
      { poll: last, check: undefined },
      ['impossible'],
    ],
    ['bytes that are gone', next({ bytesSent: 5 }), { poll: last, check: undefined }, ['impossible']],
    [
      'a heartbeat of long ago',
      polled({ heartbeatMs: atMs - settings.staleAfterMs - 1 }),
      nothing,
      ['stale-heartbeat'],
    ],
    ['a good check', checked(), { poll: last, check: undefined }, []],
    ['another nonce', checked({}, { isOurs: false }), nothing, ['replay']],
    ['a check below 0', checked({ bytesSent: -1 }), nothing, ['impossible']],
    ['many fewer viewers shown', checked({ viewers: 14 }), { poll: last, check: undefined }, ['contradiction']],
    ['a few fewer viewers shown', checked({ viewers: 15 }), { poll: last, check: undefined }, []],
    ['many fewer bytes shown', checked({ bytesSent: 4e8 }), { poll: last, check: undefined }, ['contradiction']],
    ['the same after a restart', checked({ bytesSent: 4e8, uptimeS: 3 }), { poll: last, check: undefined }, []],
    [
      'no content of a claimed stream',
      checked({}, { isContent: false }),
      { poll: last, check: undefined },
      ['contradiction'],
    ],
    ['no content, and nothing claimed', checked({}, { isContent: false }), nothing, []],
    [
      'no content, and no viewers claimed',
      checked({}, { isContent: false }),
      { poll: polled({ viewers: 0 }), check: undefined },
      [],
    ],
    [
      'no content, long after the claim',
      checked({}, { isContent: false, atMs: atMs + 300_001 }),
      { poll: last, check: undefined },
      [],
    ],
    [
      'a poll after a check that shows less',
      next({ viewers: 80 }),
      { poll: last, check: checked({ viewers: 20 }) },
      ['contradiction'],
    ],
    ['a poll after a check that shows more', next({ viewers: 1 }), { poll: last, check: checked() }, []],
  ])('%s', (_, answered, known, expected) => {
    expect(foundOf(answered, known)).toEqual(expected)
  })

  test('an answer that a rule refuses says nothing more: it clears nothing of the rules after it', () => {
    const { cleared, failure } = judge(polled({ viewers: -1 }), nothing, settings)
    expect(cleared).toEqual([])
    expect(failure).toBe('impossible: a count below 0')
    expect(judge(next(), { poll: last, check: checked() }, settings).cleared).toEqual([
      'impossible',
      'replay',
      'contradiction',
      'stale-heartbeat',
    ])
  })

  test('addresses: more than allowed, and never those of whom nobody has said', () => {
    const nodes = ['a', 'a', 'a', 'b', null, null, null, null].map((site, index) => ({ nodeId: String(index), site }))
    const states = [...judgeAddresses(nodes, 2)].map(([, { state }]) => state)
    expect(states).toEqual(['found', 'found', 'found', 'clear', 'clear', 'clear', 'clear', 'clear'])
  })
})

test('nothing is ever found of an honest node, however it is asked and restarted', async () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 1, max: 900_000 }),
    what: fc.constantFrom('poll', 'check', 'restart'),
  })
  await checkProperty('honest nodes', fc.array(step, { maxLength: 60 }), (steps) => {
    const clock = fakeClock()
    const open = (started: { startedMs?: number } = {}): SimulatedNode =>
      new SimulatedNode({ nodeId: 'ada', seed: String(seed), behaviour: { kind: 'honest' }, clock, ...started })
    let node = open()
    let known: Known = nothing
    for (const { waitMs, what } of steps) {
      clock.advance(waitMs)
      if (what === 'restart') {
        // Twice within the second to which nodes round is nothing that a prober could tell.
        clock.advance(2_000)
        node = open({ startedMs: clock.now() })
        continue
      }
      const answered = what === 'poll' ? askPoll(node, clock.now()) : askCheck(node, clock.now())
      const { found, failure } = judge(answered, known, settings)
      expect({ found, failure }).toEqual({ found: [], failure: undefined })
      known = answered.type === 'stats_poll' ? { ...known, poll: answered } : { ...known, check: answered }
    }
  })
})

function bodyOf(reply: Reply): Buffer {
  if ('none' in reply) throw new Error('An honest node answers')
  return Buffer.from(reply.body)
}

function askPoll(node: SimulatedNode, nowMs: number): PolledAnswer {
  const body = bodyOf(node.stats())
  const parsed = parseStats(body)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return { type: 'stats_poll', nodeId: 'ada', atMs: nowMs, stats: parsed.value, digest: body.toString('base64') }
}

function askCheck(node: SimulatedNode, nowMs: number): CheckedAnswer {
  const question = { streamId: 's', segment: 7, nonce: String(nowMs) }
  const parsed = parseSegment(bodyOf(node.segment(question)))
  if ('problem' in parsed) throw new Error(parsed.problem)
  const { value: answer } = parsed
  const isContent = answer.digest === segmentDigest(question)
  return { type: 'spot_check', nodeId: 'ada', atMs: nowMs, answer, isOurs: answer.nonce === question.nonce, isContent }
}

test('any answer is either read whole or refused with a sentence that names none of it', async () => {
  const field = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.constant('2026-01-01T00:00:00Z'))
  const keys = [
    'node_id',
    'sequence',
    'timestamp',
    'heartbeat_at',
    'uptime_s',
    'viewers',
    'bytes_sent',
    'nonce',
    'digest',
  ]
  const fields = fc.record(Object.fromEntries(keys.map((key) => [key, field])), { requiredKeys: [] })
  const bytes = fc.oneof(
    fc.json(),
    fc.string(),
    fields.map((value) => JSON.stringify(value)),
  )
  await checkProperty('answers', bytes, (text) => {
    for (const parse of [parseStats, parseSegment]) {
      const parsed = parse(Buffer.from(text))
      if ('problem' in parsed) expect(parsed.problem).toMatch(/^(the answer is not|[a-z_]+: expected) /)
      else
        expect(Object.values(parsed.value).every((value) => typeof value === 'string' || Number.isFinite(value))).toBe(
          true,
        )
    }
  })
})

describe('turns', () => {
  const everyMs = 60_000
  const looks = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 200 })
  const input = fc.record({ waits: looks, jitter: fc.double({ min: 0, max: 0.99, noNaN: true }), node: fc.uuid() })

  test('each slot has one at the most, and exactly one where somebody looks before it ends', async () => {
    await checkProperty('turns', input, ({ waits, jitter, node }) => {
      const turns = createTurns({ everyMs, jitter, share: 1, seed: String(seed) })
      const taken: number[] = []
      let nowMs = atMs
      for (const waitMs of waits) {
        nowMs += waitMs
        if (turns.isDue(node, { nowMs, lastMs: taken.at(-1) })) taken.push(nowMs)
      }
      const slots = taken.map((at) => turns.slotOf(node, at))
      expect(new Set(slots).size).toBe(slots.length)
      // Whoever comes later and knows the last turn takes no other in its slot.
      const other = createTurns({ everyMs, jitter, share: 1, seed: 'another' })
      for (const lastMs of taken) expect(other.isDue(node, { nowMs: lastMs, lastMs })).toBe(false)
      if (jitter > 0.5 || waits.some((waitMs) => waitMs > everyMs / 4)) return
      const [first, final] = [turns.slotOf(node, atMs) + 1, turns.slotOf(node, nowMs) - 1]
      expect(slots.filter((slot) => slot >= first && slot <= final)).toHaveLength(Math.max(0, final - first + 1))
    })
  })

  test('in any hour a node has sixty, give or take one', async () => {
    await checkProperty(
      'turns of an hour',
      fc.record({ node: fc.uuid(), from: fc.nat(3_600_000) }),
      ({ node, from }) => {
        const turns = createTurns({ everyMs, jitter: 0.5, share: 1, seed: String(seed) })
        let lastMs: number | undefined
        let count = 0
        for (let nowMs = atMs; nowMs < atMs + from + 3_600_000; nowMs += 1_000) {
          if (!turns.isDue(node, { nowMs, lastMs })) continue
          lastMs = nowMs
          if (nowMs >= atMs + from) count++
        }
        expect(Math.abs(count - 60)).toBeLessThanOrEqual(1)
      },
      { runs: 20 },
    )
  })
})

describe('what becomes of a node', () => {
  const streamr = useStreamr(18)
  const events = Object.keys(transitions.PENDING) as readonly NodeEvent[]

  test('SQL says the same as the table, for every status and event', async () => {
    const { kysely } = streamr()
    for (const event of events) {
      const { rows } = await sql<{ status: string; after: string }>`
        select status, ${statusAfter(event, 's.status')} as after
        from unnest(${statuses}::text[]) as s (status)`.execute(kysely)
      expect(rows).toEqual(statuses.map((status) => ({ status, after: transitions[status][event] })))
    }
  })

  test('only a review leads out of SUSPENDED, and each status can be reached from each', () => {
    for (const event of events) if (event !== 'review') expect(transitions.SUSPENDED[event], event).toBe('SUSPENDED')
    expect(changedBy('review')).toEqual(['SUSPENDED'])
    for (const from of statuses) {
      const reached = new Set([from])
      for (const status of reached) for (const event of events) reached.add(transitions[status][event])
      expect([...reached].toSorted(), from).toEqual([...statuses].toSorted())
    }
  })
})
