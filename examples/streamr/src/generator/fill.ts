// Rows into tables, by COPY, each part with its bar. Each COPY is a transaction; days of probes go two at a time.

import { copyRows, type CopyRow, type MakeBar } from 'pgstrata-example-kit'
import type { QueryApi } from 'pgstrata'
import type { FleetStream } from './fleet.ts'
import { commentColumns, friendshipColumns, type People } from './people.ts'
import { estimateRows, probeColumns, probesOf, spansOf, type ProbeOptions } from './probes.ts'

export interface FillTools {
  readonly on: Pick<QueryApi, 'copyIn'>
  /** Where simulated nodes answer. */
  readonly nodesUrl: string
  readonly progress: MakeBar
  /** Folds what was copied into the rollups. */
  readonly merge: () => Promise<void>
  /** Throws where somebody wants it to stop. */
  readonly goOn: () => void
}

/** Rows are made in this process while the server takes others: two cores are busy with two. */
const copiesAtOnce = 2

interface Society extends ProbeOptions {
  readonly people: People
}

/** Streams, users, nodes, friendships, comments. Returns how many comments there are. */
export async function fillSociety(tools: FillTools, { fleet, people, now, sizes }: Society): Promise<number> {
  const copy = async (table: string, columns: readonly string[], rows: Iterable<CopyRow>): Promise<number> => {
    tools.goOn()
    return await copyRows(tools.on, { table, columns, rows })
  }
  await copy('streams', streamColumns, streamRows(fleet))
  await copy('users', userColumns, userRows(people))
  await copy('nodes', nodeColumns, nodeRows({ fleet, people, now, nodesUrl: tools.nodesUrl }))
  await copy('friendships', friendshipColumns, people.friendships())
  const bar = tools.progress({ label: 'Comments', total: sizes.comments, unit: 'comments' })
  const comments = await copyRows(tools.on, {
    table: 'comments',
    columns: commentColumns,
    rows: people.comments(),
    onRows: (count) => bar.add(count),
  })
  bar.finish()
  return comments
}

/**
 * Rollups are merged meanwhile, as they are in life: what comes in one hour is then kept near to each other, in a hundred pages instead of
 * ten thousand. To load first and fill the rollups afterwards takes the server 119 s of CPU in place of 130 (full size, PostgreSQL 18), but
 * 227 s in place of 191 on two busy cores: nothing runs beside the filling.
 */
export async function fillProbes(tools: FillTools, options: ProbeOptions): Promise<number> {
  const bar = tools.progress({ label: 'Probes', total: estimateRows(options), unit: 'probes' })
  const spans = spansOf(options).values()
  const merging = mergeBehind(tools.merge)
  let copied = 0
  const copySpans = async (): Promise<void> => {
    for (const span of spans) {
      tools.goOn()
      const count = await copyRows(tools.on, {
        table: 'probe_results',
        columns: probeColumns,
        rows: probesOf(options, span),
        onRows: (rows) => bar.add(rows),
      })
      copied += count
      merging.begin()
    }
  }
  await Promise.all(Array.from({ length: copiesAtOnce }, copySpans))
  await merging.end()
  bar.finish()
  return copied
}

/** One merge at a time, and at most one that waits for it. What was committed before `begin` is merged when `end` resolves. */
function mergeBehind(merge: () => Promise<void>): { begin(): void; end(): Promise<void> } {
  let isWaiting = false
  let last = Promise.resolve()
  const mergeAfter = async (before: Promise<void>): Promise<void> => {
    await before
    isWaiting = false
    await merge()
  }
  const begin = (): void => {
    if (isWaiting) return
    isWaiting = true
    last = mergeAfter(last)
    // `end` tells of a failure.
    last.catch(() => undefined)
  }
  return { begin, end: async () => await last }
}

const streamColumns = [
  'stream_id',
  'sponsor_address',
  'token_balance',
  'rtmp_url',
  'status',
  'reward_per_hour',
  'viewers',
  'excluded',
  'created_at',
]

function* streamRows(fleet: readonly FleetStream[]): Generator<CopyRow> {
  for (const { streamId, sponsor, balance, status, rewardPerHour, viewers, excluded, createdAt } of fleet) {
    const url = `rtmp://ingest.example/live/${streamId}`
    yield [streamId, sponsor, balance, url, status, rewardPerHour, viewers, excluded, createdAt]
  }
}

const userColumns = ['user_id', 'wallet_address', 'display_name', 'avatar_url']

function* userRows({ users }: People): Generator<CopyRow> {
  for (const { userId, wallet, name } of users) yield [userId, wallet, name, null]
}

const nodeColumns = [
  'node_id',
  'stream_id',
  'stats_url',
  'address',
  'last_heartbeat',
  'status',
  'created_at',
  'user_id',
  'display_name',
  'location_lat',
  'location_lon',
]

interface NodeRows {
  readonly fleet: readonly FleetStream[]
  readonly people: People
  readonly now: Date
  readonly nodesUrl: string
}

function* nodeRows({ fleet, people, now, nodesUrl }: NodeRows): Generator<CopyRow> {
  for (const { nodeId, streamId, address, status, createdAt, place } of fleet.flatMap(({ nodes }) => nodes)) {
    const owner = people.owners.get(nodeId)
    yield [
      nodeId,
      streamId,
      `${nodesUrl}/n/${nodeId}/stats`,
      address,
      now,
      status,
      createdAt,
      owner?.userId ?? null,
      owner === undefined ? null : `${owner.name}, ${place.city}`,
      place.lat.toFixed(8),
      place.lon.toFixed(8),
    ]
  }
}
