// What is asked of the service: a published mix of its endpoints. Streams are drawn in proportion to their nodes, nodes, people and places
// evenly, by a seed: typical requests, neither the best nor the worst.

import type pg from 'pg'
import type { LoadRequest } from '../../support/http-load.ts'
import { createRandom } from '../../support/open-loop.ts'
import { withClient } from '../../support/with-client.ts'

interface World {
  /** The stream of each node: drawn evenly, a stream comes in proportion to its nodes. */
  readonly streamIds: readonly string[]
  readonly nodeIds: readonly string[]
  readonly userIds: readonly string[]
}

interface Entry {
  readonly kind: string
  /** Of a thousand requests. */
  readonly perMille: number
  readonly make: (draw: Draw) => Omit<LoadRequest, 'kind'>
}

interface Draw {
  readonly stream: () => string
  readonly node: () => string
  readonly user: () => string
  readonly between: (least: number, most: number) => number
}

const asUser = ({ user }: Draw): Readonly<Record<string, string>> => ({ 'x-user-id': user() })

const entries: readonly Entry[] = [
  { kind: '/streams/:stream_id', perMille: 200, make: ({ stream }) => ({ path: `/streams/${stream()}` }) },
  { kind: '/nodes/:node_id', perMille: 200, make: ({ node }) => ({ path: `/nodes/${node()}` }) },
  { kind: '/streams', perMille: 120, make: () => ({ path: '/streams?limit=25' }) },
  {
    kind: '/streams/:stream_id/earnings',
    perMille: 120,
    make: ({ stream }) => ({ path: `/streams/${stream()}/earnings` }),
  },
  {
    kind: '/streams/:stream_id/comments',
    perMille: 120,
    make: ({ stream }) => ({ path: `/streams/${stream()}/comments` }),
  },
  { kind: '/streams/:stream_id/nodes', perMille: 60, make: ({ stream }) => ({ path: `/streams/${stream()}/nodes` }) },
  { kind: '/friends/nodes', perMille: 50, make: (draw) => ({ path: '/friends/nodes', headers: asUser(draw) }) },
  { kind: '/earnings', perMille: 50, make: (draw) => ({ path: '/earnings', headers: asUser(draw) }) },
  { kind: '/friends', perMille: 20, make: (draw) => ({ path: '/friends', headers: asUser(draw) }) },
  {
    kind: '/geo/nearest',
    perMille: 19,
    make: (draw) => ({
      path: `/geo/nearest?lat=${draw.between(-60, 70)}&lon=${draw.between(-180, 180)}`,
      headers: asUser(draw),
    }),
  },
  { kind: '/payouts/runs', perMille: 20, make: () => ({ path: '/payouts/runs' }) },
  { kind: '/payouts', perMille: 1, make: () => ({ path: '/payouts' }) },
  {
    kind: 'POST comments',
    perMille: 20,
    make: (draw) => ({
      method: 'POST',
      path: `/streams/${draw.stream()}/comments`,
      headers: asUser(draw),
      body: JSON.stringify({ content: 'Picture and sound are perfect here.' }),
    }),
  },
]

/** For the notes. */
export const publishedMix: string = entries.map(({ kind, perMille }) => `${kind} ${perMille / 10} %`).join(', ')

export async function drawRequests(url: string, count: number): Promise<readonly LoadRequest[]> {
  const world = await withClient(url, readWorld)
  const random = createRandom(7)
  const pick = (of: readonly string[]): string => of[Math.floor(random() * of.length)] ?? ''
  const draw: Draw = {
    stream: () => pick(world.streamIds),
    node: () => pick(world.nodeIds),
    user: () => pick(world.userIds),
    between: (least, most) => Math.floor(least + random() * (most - least)),
  }
  return Array.from({ length: count }, () => {
    const { kind, make } = entryAt(random() * 1_000)
    return { kind, ...make(draw) }
  })
}

function entryAt(place: number): Entry {
  let left = place
  for (const entry of entries) {
    left -= entry.perMille
    if (left < 0) return entry
  }
  throw new Error('Expected the mix to be of 1,000 requests, and it is of fewer')
}

async function readWorld(client: pg.Client): Promise<World> {
  const nodes = await client.query<{ node_id: string; stream_id: string }>(
    'select node_id, stream_id from nodes order by node_id',
  )
  const users = await client.query<{ user_id: string }>('select user_id from users order by wallet_address')
  return {
    nodeIds: nodes.rows.map(({ node_id }) => node_id),
    streamIds: nodes.rows.map(({ stream_id }) => stream_id),
    userIds: users.rows.map(({ user_id }) => user_id),
  }
}
