// Users, their friends, their nodes and what they say: as a seed gives them.
//
// Promises: the same seed, sizes and fleet give the same people. About a tenth of the nodes has a user. Two people are friends at most once,
// in one direction; a few friendships wait for an answer, were declined, or blocked.

import { createRandom, createZipf, type CopyRow, type Random } from 'pgstrata-example-kit'
import type { FleetNode, FleetStream } from './fleet.ts'
import { hexOf } from './fleet.ts'
import type { Sizes } from './sizes.ts'

interface Person {
  readonly userId: string
  readonly wallet: string
  readonly name: string
}

export interface PeopleOptions {
  readonly fleet: readonly FleetStream[]
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
}

export interface People {
  readonly users: readonly Person[]
  /** Of a node: its user and its name, if it has one. */
  readonly owners: ReadonlyMap<string, Person>
  friendships(): Generator<CopyRow>
  comments(): Generator<CopyRow>
}

export const friendshipColumns: readonly string[] = ['user_id', 'friend_id', 'status', 'created_at']
export const commentColumns: readonly string[] = ['stream_id', 'user_id', 'content', 'status', 'created_at']

const dayMs = 86_400_000
/** Friends whom each user has asked. */
const asked = 3
const firstNames = ['Ada', 'Bela', 'Chidi', 'Dana', 'Emeka', 'Freya', 'Goran', 'Hana', 'Imani', 'Jonas', 'Kaya', 'Lior']
const lastNames = [
  'Abara',
  'Berg',
  'Costa',
  'Duarte',
  'Eriksen',
  'Fofana',
  'Garcia',
  'Hoang',
  'Ito',
  'Jansen',
  'Kim',
  'Lund',
]
const remarks = [
  'Picture and sound are perfect here.',
  'A few dropouts in the last minutes, now it is fine again.',
  'Which song was that?',
  'Greetings to everybody who carries this stream!',
  'My node has been up for a week.',
  'Could the volume be a little higher?',
  'This is the best set so far.',
  'Second evening in a row, and I am not tired of it.',
  'Is there a recording of yesterday?',
  'Thank you for streaming.',
]

export function createPeople({ fleet, sizes, seed, now }: PeopleOptions): People {
  const random = createRandom(seed ^ 0x70656f70)
  const users = Array.from({ length: sizes.users }, () => personOf(random))
  const nodes = fleet.flatMap((stream) => stream.nodes)
  const owners = ownersOf({ nodes, users, random: random.fork() })
  const [friendRandom, commentRandom] = [random.fork(), random.fork()]
  return {
    users,
    owners,
    friendships: () => friendshipsOf({ users, random: friendRandom, now, sizes }),
    comments: () => commentsOf({ fleet, users, random: commentRandom, now, sizes }),
  }
}

function personOf(random: Random): Person {
  return {
    userId: uuidOf(random),
    wallet: hexOf(random, 40),
    name: `${random.pick(firstNames)} ${random.pick(lastNames)}`,
  }
}

interface OwnersOptions {
  readonly nodes: readonly FleetNode[]
  readonly users: readonly Person[]
  readonly random: Random
}

function ownersOf({ nodes, users, random }: OwnersOptions): ReadonlyMap<string, Person> {
  const owners = new Map<string, Person>()
  for (const { nodeId } of nodes) if (random.chance(0.1)) owners.set(nodeId, random.pick(users))
  return owners
}

interface Social {
  readonly users: readonly Person[]
  readonly random: Random
  readonly now: Date
  readonly sizes: Sizes
}

function* friendshipsOf({ users, random, now, sizes }: Social): Generator<CopyRow> {
  // Users stand in a ring, and each asks only those of the half after it: so no two ask each other.
  const half = Math.floor((users.length - 1) / 2)
  for (const [index, user] of users.entries()) {
    const steps = new Set<number>()
    while (steps.size < Math.min(half, asked)) steps.add(1 + random.int(half))
    for (const step of steps) {
      const friend = users[(index + step) % users.length] ?? user
      const status = random.pick(['ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'PENDING', 'DECLINED', 'BLOCKED'])
      yield [user.userId, friend.userId, status, pastOf(random, now, sizes.days)]
    }
  }
}

function* commentsOf({ fleet, users, random, now, sizes }: Social & Pick<PeopleOptions, 'fleet'>): Generator<CopyRow> {
  const stream = createZipf({ size: Math.min(fleet.length, sizes.streams), exponent: 1.1, random })
  const moments = Array.from({ length: sizes.comments }, () => pastOf(random, now, sizes.days).getTime())
  for (const moment of Float64Array.from(moments).toSorted()) {
    const status = random.chance(0.02) ? 'HIDDEN' : 'VISIBLE'
    const where = fleet[stream()]?.streamId ?? ''
    yield [where, random.pick(users).userId, random.pick(remarks), status, new Date(moment)]
  }
}

function pastOf(random: Random, now: Date, days: number): Date {
  return new Date(now.getTime() - Math.ceil(random.next() * days * dayMs))
}

function uuidOf(random: Random): string {
  const digits = hexOf(random, 32).slice(2)
  const variant = '89ab'[random.int(4)] ?? '8'
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`
}
