// Streams and their nodes, as a seed gives them.
//
// Promises: the same seed, sizes and moment give the same fleet. Nodes follow a power law over the streams that have any. Three more
// streams have nodes and pay nothing: one is excluded, one is paused, one has no viewers.

import { createRandom, type Random } from 'pgstrata-example-kit'
import type { NodeStatus, StreamStatus } from '../database.ts'
import { shareOut } from '../payouts/share.ts'
import { createPlaces, type Place } from './cities.ts'
import type { Sizes } from './sizes.ts'

export interface FleetNode {
  readonly nodeId: string
  readonly streamId: string
  readonly address: string
  readonly status: NodeStatus
  readonly createdAt: Date
  readonly place: Place
  /** How likely a poll is to succeed. */
  readonly reliability: number
  /** How likely a spot check is to succeed. */
  readonly honesty: number
}

export interface FleetStream {
  readonly streamId: string
  readonly sponsor: string
  readonly balance: bigint
  readonly rewardPerHour: bigint
  readonly viewers: number
  readonly status: StreamStatus
  readonly excluded: boolean
  readonly createdAt: Date
  /** Hours of the day at which it is on air, before the dense hours. */
  readonly onAirAt: number
  readonly nodes: readonly FleetNode[]
}

export interface FleetOptions {
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
  /** Numbers of streams and nodes that are taken. Default 0. */
  readonly takenStreams?: number
  readonly takenNodes?: number
}

const dayMs = 86_400_000
const token = 10n ** 18n
/** Behind one address: what a rule against fraud looks for. */
const farmSize = 40

export function createFleet(options: FleetOptions): readonly FleetStream[] {
  const { sizes, seed, takenStreams = 0 } = options
  const random = createRandom(seed)
  const counts = nodesOfStreams(sizes)
  const makeNodes = createNodes(options, random.fork())
  let number = takenStreams
  const make = (nodes: number, said: Partial<FleetStream> = {}): FleetStream => {
    const streamId = `stream-${String(++number).padStart(4, '0')}`
    return streamOf({ streamId, nodes: makeNodes(streamId, nodes), random, ...options }, said)
  }
  const few = Math.min(10, Math.ceil(sizes.nodes / 100))
  return [
    ...counts.map((count) => make(count)),
    make(few, { excluded: true }),
    make(few, { status: 'PAUSED' }),
    make(few, { viewers: 0 }),
    ...Array.from({ length: sizes.silentStreams }, () =>
      make(0, { viewers: 0, status: random.pick(['PENDING', 'ACTIVE', 'ACTIVE', 'PAUSED', 'ENDED']) }),
    ),
  ]
}

/** The largest first: of 13,000 nodes over 100 streams, three have more than 1,000 and the last has 14. */
function nodesOfStreams({ streams, nodes }: Sizes): readonly number[] {
  const weights = Array.from({ length: streams }, (_, index) => ({
    nodeId: String(index).padStart(6, '0'),
    weight: BigInt(Math.round(1e9 / (index + 4) ** 1.5)),
  }))
  return shareOut(BigInt(nodes), weights).map(Number)
}

interface StreamOptions extends FleetOptions {
  readonly streamId: string
  readonly nodes: readonly FleetNode[]
  readonly random: Random
}

function streamOf({ streamId, nodes, random, now, sizes }: StreamOptions, said: Partial<FleetStream>): FleetStream {
  // About a twentieth of a token for each node and hour, for between half a day and two months.
  const rewardPerHour = (BigInt(Math.max(1, nodes.length)) * token * BigInt(random.between(35, 65))) / 1000n
  return {
    streamId,
    sponsor: hexOf(random, 40),
    balance: (rewardPerHour * BigInt(random.between(12 * 10, 1_500 * 10))) / 10n,
    rewardPerHour,
    viewers: nodes.length * random.between(2, 9),
    status: 'ACTIVE',
    excluded: false,
    createdAt: new Date(now.getTime() - (sizes.days + random.between(0, 90)) * dayMs),
    onAirAt: random.between(0, 23),
    nodes,
    ...said,
  }
}

function createNodes(options: FleetOptions, random: Random): (streamId: string, count: number) => readonly FleetNode[] {
  const { sizes, now, takenNodes = 0 } = options
  const place = createPlaces(random)
  let number = takenNodes
  return (streamId, count) =>
    Array.from({ length: count }, () => {
      number++
      const isBad = random.chance(0.03)
      return {
        nodeId: `node-${String(number).padStart(5, '0')}`,
        streamId,
        address: addressOf(number, random),
        status: 'ACTIVE',
        // More and more of them: half joined in the first third of the time.
        createdAt: new Date(now.getTime() - Math.ceil(sizes.days * (1 - random.next() ** 2) * dayMs)),
        place: place(),
        reliability: isBad ? 0.3 + 0.5 * random.next() : 1 - 0.15 * random.next() ** 3,
        honesty: isBad ? 0.4 + 0.5 * random.next() : 0.995,
      }
    })
}

/** Of its own, but for one node in a hundred, which shares one with many. */
function addressOf(number: number, random: Random): string {
  if (random.chance(0.01)) return `100.64.0.${Math.floor(number / 100 / farmSize) % 256}`
  return `10.${(number >> 16) % 256}.${(number >> 8) % 256}.${number % 256}`
}

export function hexOf(random: Random, digits: number): string {
  let text = '0x'
  for (let digit = 0; digit < digits; digit++) text += random.int(16).toString(16)
  return text
}
