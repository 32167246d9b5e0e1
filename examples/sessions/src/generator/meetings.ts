// Sessions of a span of days in the order in which they came, with the reports and the blocks that came of them.
//
// Promises: the same people, sizes, seed and moment give the same sessions. Nothing is after `now`. No wallet is in two sessions at once, none
// meets a wallet that has blocked it or that it has blocked, and none takes part before it was there. What goes on at the end goes on
// between wallets that nobody keeps out.

import { createRandom, createTimeOfDay, createZipf, type Random } from 'pgstrata-example-kit'
import type { Person } from './people.ts'
import type { Sizes } from './sizes.ts'
import { blockReasons } from './words.ts'

type Ending = 'ended' | 'declined' | 'cancelled' | 'expired'
type Status = Ending | 'active' | 'waiting' | 'invited'

export interface Meeting {
  /** From 1: the number that it has in the table. */
  readonly id: number
  readonly a: Person
  readonly b: Person | undefined
  readonly status: Status
  readonly createdAt: number
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  readonly endedBy: Person | undefined
  readonly expiresAt: number
  /** One of the two is reported by the other, at that time. */
  readonly reportedAt: number | undefined
}

export interface Block {
  readonly blocker: Person
  readonly blocked: Person
  readonly at: number
  readonly reason: string | null
}

export interface Meetings {
  readonly meetings: readonly Meeting[]
  readonly blocks: readonly Block[]
}

export interface MeetingOptions {
  readonly people: readonly Person[]
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
}

const dayMs = 86_400_000
const minuteMs = 60_000
/** So long somebody waits, or an invitation stands. */
const patienceMs = 5 * minuteMs
/** How often other wallets are looked for where one is busy, came later, or is blocked. */
const mostTries = 20

export function createMeetings({ people, sizes, seed, now }: MeetingOptions): Meetings {
  const random = createRandom(seed ^ 0x6d656574)
  const end = now.getTime()
  const moments = momentsOf({ count: sizes.sessions, days: sizes.days, end, random: random.fork() })
  const room = createRoom(people, random.fork())
  const meetings: Meeting[] = []
  const blocks: Block[] = []
  const meet = (meeting: Omit<Meeting, 'id'>): void => void meetings.push({ id: meetings.length + 1, ...meeting })
  for (const createdAt of moments) {
    const pair = room.findPair(createdAt)
    if (pair === undefined) continue
    const meeting = meetingOf({ ...pair, createdAt, end, random })
    // Whoever is kept out by now is in none that goes on.
    if (meeting.endedAt === undefined && [pair.a, pair.b].some(({ status }) => status !== 'active')) continue
    room.occupy(pair, meeting.endedAt ?? Infinity)
    meet(meeting)
    const block = blockAfter(meeting, { ...pair, end, random })
    if (block === undefined) continue
    blocks.push(block)
    room.part(pair)
  }
  for (let count = 0; count < sizes.waiting; count++) {
    const createdAt = end - random.int(patienceMs - minuteMs)
    const pair = room.findPair(createdAt)
    if (pair === undefined || pair.a.status !== 'active' || pair.b.status !== 'active') continue
    const isInvited = count % 2 === 1
    room.occupy({ ...pair, b: isInvited ? pair.b : pair.a }, Infinity)
    meet({ ...blank(pair.a, createdAt), b: isInvited ? pair.b : undefined, status: isInvited ? 'invited' : 'waiting' })
  }
  return { meetings, blocks }
}

interface Moments {
  readonly count: number
  readonly days: number
  readonly end: number
  readonly random: Random
}

/** More of them in the evenings, and a few more on each day than on the one before. In order, in whole milliseconds. */
function momentsOf({ count, days, end, random }: Moments): Float64Array {
  const timeOfDay = createTimeOfDay(random)
  const midnight = Math.floor(end / dayMs) * dayMs
  const moments = new Float64Array(count)
  for (let index = 0; index < count; index++) {
    const moment = midnight - Math.floor(random.next() ** 1.3 * days) * dayMs + timeOfDay()
    // What of today is still to come was yesterday.
    moments[index] = moment < end ? moment : moment - dayMs
  }
  return moments.toSorted()
}

interface Pair {
  readonly a: Person
  readonly b: Person
}

interface Room {
  /** undefined: nobody is free. */
  findPair(at: number): Pair | undefined
  occupy(pair: Pair, until: number): void
  /** They meet no more. */
  part(pair: Pair): void
}

function createRoom(people: readonly Person[], random: Random): Room {
  const draw = createZipf({ size: people.length, exponent: 0.7, random })
  const busyUntil = new Map<Person, number>()
  const parted = new Set<string>()
  const findFree = (at: number): Person | undefined => {
    for (let tries = 0; tries < mostTries; tries++) {
      const person = people[draw()]
      if (person !== undefined && person.createdAt < at && (busyUntil.get(person) ?? 0) < at) return person
    }
    return undefined
  }
  return {
    findPair: (at) => {
      const a = findFree(at)
      if (a === undefined) return undefined
      for (let tries = 0; tries < mostTries; tries++) {
        const b = findFree(at)
        if (b !== undefined && b !== a && !parted.has(keyOf({ a, b }))) return { a, b }
      }
      return undefined
    },
    occupy: ({ a, b }, until) => {
      busyUntil.set(a, until)
      busyUntil.set(b, until)
    },
    part: (pair) => void parted.add(keyOf(pair)),
  }
}

function keyOf({ a, b }: Pair): string {
  return a.address < b.address ? `${a.address} ${b.address}` : `${b.address} ${a.address}`
}

function blank(a: Person, createdAt: number): Omit<Meeting, 'id' | 'status' | 'b'> {
  return {
    a,
    createdAt,
    startedAt: undefined,
    endedAt: undefined,
    endedBy: undefined,
    expiresAt: createdAt + patienceMs,
    reportedAt: undefined,
  }
}

interface Made extends Pair {
  readonly createdAt: number
  readonly end: number
  readonly random: Random
}

function meetingOf({ a, b, createdAt, end, random }: Made): Omit<Meeting, 'id'> {
  const base = { ...blank(a, createdAt), b }
  const waited = 1_000 + random.int(90_000)
  const kind = random.next()
  const startedAt = createdAt + waited
  if (startedAt >= end) {
    return kind < 0.5 ? { ...base, status: 'invited' } : { ...base, b: undefined, status: 'waiting' }
  }
  if (kind < 0.04) return { ...base, status: 'declined', endedAt: startedAt, endedBy: b }
  if (kind < 0.09)
    return { ...base, b: random.chance(0.5) ? b : undefined, status: 'cancelled', endedAt: startedAt, endedBy: a }
  // Of those that nobody came to, the last ones still wait.
  if (kind < 0.13 && createdAt + patienceMs < end)
    return { ...base, b: random.chance(0.3) ? b : undefined, status: 'expired', endedAt: createdAt + patienceMs }
  const seconds = Math.min(4 * 3_600, Math.max(20, Math.exp(random.normal() * 0.9 + Math.log(360))))
  const endedAt = startedAt + Math.round(seconds * 1_000)
  if (endedAt >= end) return { ...base, status: 'active', startedAt }
  const reported = endedAt - random.int(15_000)
  return {
    ...base,
    status: 'ended',
    startedAt,
    endedAt,
    endedBy: random.chance(0.1) ? undefined : random.pick([a, b]),
    reportedAt: random.chance(0.03) ? Math.max(startedAt, reported) : undefined,
  }
}

/** Now and then one of the two wants no more of the other, more often where it was reported. */
function blockAfter(
  { b: came, endedAt, reportedAt }: Omit<Meeting, 'id'>,
  { a, b, end, random }: Pair & { readonly end: number; readonly random: Random },
): Block | undefined {
  if (came === undefined || endedAt === undefined || !random.chance(reportedAt === undefined ? 0.05 : 0.6))
    return undefined
  const [blocker, blocked] = random.chance(0.5) ? [a, b] : [b, a]
  return {
    blocker,
    blocked,
    at: Math.min(end - 1, endedAt + random.int(5 * minuteMs)),
    reason: random.chance(0.4) ? reasonOf(random) : null,
  }
}

/** One is rare, and looked for. */
function reasonOf(random: Random): string {
  return random.chance(0.02) ? 'impersonation' : random.pick(blockReasons)
}
