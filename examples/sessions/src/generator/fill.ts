// Rows into tables, by COPY: in parts, two at a time, each a transaction. Where it is stopped, parts that were copied stay.

import { copyRows, type CopyRow, type MakeBar } from 'pgstrata-example-kit'
import type { QueryApi } from 'pgstrata'
import { balanceColumns, balancesOf, nonceColumns, noncesOf } from './holdings.ts'
import type { Block, Meeting } from './meetings.ts'
import type { Person } from './people.ts'
import { reportColumns, reportsOf } from './reports.ts'
import type { Sizes } from './sizes.ts'
import { eventColumns, eventsOf } from './telemetry.ts'

export interface FillTools {
  readonly on: Pick<QueryApi, 'copyIn'>
  readonly progress: MakeBar
  /** Throws where somebody wants it to stop. */
  readonly goOn: () => void
}

export interface World {
  readonly people: readonly Person[]
  readonly moderators: readonly Person[]
  readonly meetings: readonly Meeting[]
  readonly blocks: readonly Block[]
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
}

export interface Filled {
  readonly users: number
  readonly sessions: number
  readonly reports: number
  readonly blocks: number
  readonly balances: number
  readonly nonces: number
  readonly events: number
}

/** Rows are made in this process while the server takes others: two cores are busy with two. */
const copiesAtOnce = 2
/** Rows of one COPY: well within the time that the pool gives a statement. */
const rowsAtOnce = 5_000

export async function fill(tools: FillTools, world: World): Promise<Filled> {
  const { people, meetings, blocks, sizes } = world
  const copy = async (table: string, { columns, rows, total }: Copied): Promise<number> =>
    await copyInParts(tools, { table, columns, rows, total })
  return {
    users: await copy('users', { columns: userColumns, rows: userRows(world), total: people.length }),
    sessions: await copy('sessions', { columns: sessionColumns, rows: sessionRows(world), total: meetings.length }),
    reports: await copy('reports', { columns: reportColumns, rows: reportsOf(world) }),
    blocks: await copy('blocks', { columns: blockColumns, rows: blockRows(world), total: blocks.length }),
    balances: await copy('balances', { columns: balanceColumns, rows: balancesOf(world) }),
    nonces: await copy('nonces', { columns: nonceColumns, rows: noncesOf(world) }),
    events: await copy('telemetry_events', {
      columns: eventColumns,
      rows: eventsOf(world),
      total: Math.round(meetings.length * sizes.eventsPerSession),
    }),
  }
}

interface Copied {
  readonly columns: readonly string[]
  readonly rows: Iterable<CopyRow>
  /** For a bar; without it none is shown. */
  readonly total?: number | undefined
}

async function copyInParts(
  { on, progress, goOn }: FillTools,
  { table, columns, rows, total }: Copied & { readonly table: string },
): Promise<number> {
  const bar = total === undefined ? undefined : progress({ label: table, total, unit: 'rows' })
  const parts = partsOf(rows)
  let copied = 0
  const copyParts = async (): Promise<void> => {
    for (const part of parts) {
      goOn()
      const count = await copyRows(on, { table, columns, rows: part })
      copied += count
      bar?.add(count)
    }
  }
  await Promise.all(Array.from({ length: copiesAtOnce }, copyParts))
  bar?.finish()
  return copied
}

function* partsOf(rows: Iterable<CopyRow>): Generator<readonly CopyRow[]> {
  let part: CopyRow[] = []
  for (const row of rows) {
    part.push(row)
    if (part.length < rowsAtOnce) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}

const userColumns = ['address', 'display_name', 'bio', 'created_at', 'last_seen_at', 'status']

/** Whoever took part in something was there then. */
function* userRows({ people, meetings }: World): Generator<CopyRow> {
  const seen = new Map<Person, number>()
  for (const { a, b, createdAt, endedAt = createdAt } of meetings)
    for (const one of b === undefined ? [a] : [a, b]) seen.set(one, Math.max(seen.get(one) ?? 0, endedAt))
  for (const person of people) {
    const { address, name, bio, createdAt, status } = person
    yield [address, name, bio, new Date(createdAt), new Date(seen.get(person) ?? createdAt), status]
  }
}

const sessionColumns = [
  'session_id',
  'a_addr',
  'b_addr',
  'status',
  'created_at',
  'started_at',
  'ended_at',
  'ended_by',
  'expires_at',
]

/** COPY takes the numbers that it is given, also of an identity column. */
function* sessionRows({ meetings }: World): Generator<CopyRow> {
  for (const meeting of meetings) {
    const { id, a, b, status, createdAt, startedAt, endedAt, endedBy, expiresAt } = meeting
    yield [
      id,
      a.address,
      b?.address ?? null,
      status,
      new Date(createdAt),
      dateOf(startedAt),
      dateOf(endedAt),
      endedBy?.address ?? null,
      new Date(expiresAt),
    ]
  }
}

const blockColumns = ['blocker', 'blocked', 'created_at', 'reason']

function* blockRows({ blocks }: World): Generator<CopyRow> {
  for (const { blocker, blocked, at, reason } of blocks) yield [blocker.address, blocked.address, new Date(at), reason]
}

function dateOf(time: number | undefined): Date | null {
  return time === undefined ? null : new Date(time)
}
