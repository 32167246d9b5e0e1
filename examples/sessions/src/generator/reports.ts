// Reports of sessions, and what moderators made of them.
//
// Promises: the same meetings, seed and moment give the same reports. Nearly all that are older than two days are decided about; of the newest
// most wait. Nobody decides about a report that is by or about the same wallet.

import { createRandom, createWeighted, type CopyRow, type Random } from 'pgstrata-example-kit'
import type { Meeting } from './meetings.ts'
import type { Person } from './people.ts'
import { reportDetails, resolutions } from './words.ts'

export const reportColumns: readonly string[] = [
  'session_id',
  'reporter',
  'reported',
  'reason',
  'detail',
  'status',
  'created_at',
  'claimed_by',
  'claimed_at',
  'resolved_at',
  'resolution',
]

export interface ReportOptions {
  readonly meetings: readonly Meeting[]
  /** At least three, so that there is always one who has no part in it. */
  readonly moderators: readonly Person[]
  readonly seed: number
  readonly now: Date
}

const minuteMs = 60_000
const dayMs = 86_400_000
const reasons = ['spam', 'scam', 'abuse', 'impersonation', 'other'] as const
const weights = [9, 6, 5, 1, 3]

export function* reportsOf({ meetings, moderators, seed, now }: ReportOptions): Generator<CopyRow> {
  const random = createRandom(seed ^ 0x7265706f)
  const reason = createWeighted(weights, random.fork())
  for (const { id, a, b, reportedAt } of meetings) {
    if (reportedAt === undefined || b === undefined) continue
    const [reporter, reported] = random.chance(0.5) ? [a, b] : [b, a]
    const free = moderators.filter((moderator) => moderator !== a && moderator !== b)
    const state = stateOf({ createdAt: reportedAt, end: now.getTime(), moderators: free, random })
    yield [
      id,
      reporter.address,
      reported.address,
      reasons[reason()] ?? 'other',
      random.chance(0.5) ? random.pick(reportDetails) : null,
      state.status,
      new Date(reportedAt),
      state.moderator?.address ?? null,
      dateOf(state.claimedAt),
      dateOf(state.resolvedAt),
      state.status === 'upheld' || state.status === 'dismissed' ? random.pick(resolutions[state.status]) : null,
    ]
  }
}

interface State {
  readonly status: 'open' | 'claimed' | 'upheld' | 'dismissed'
  readonly moderator?: Person
  readonly claimedAt?: number
  readonly resolvedAt?: number
}

interface StateOptions {
  readonly createdAt: number
  readonly end: number
  readonly moderators: readonly Person[]
  readonly random: Random
}

function stateOf({ createdAt, end, moderators, random }: StateOptions): State {
  const isOld = createdAt < end - 2 * dayMs
  const seen = random.next()
  // Whoever has one on the desk at the end has had it for minutes: what is older goes back into the queue.
  const claimedAt = createdAt + random.int(isOld ? dayMs : end - createdAt)
  const moderator = random.pick(moderators)
  const resolvedAt = claimedAt + minuteMs + random.int(20 * minuteMs)
  if (seen >= (isOld ? 0.99 : 0.35)) return { status: 'open' }
  if (resolvedAt < end)
    return { status: random.chance(0.45) ? 'upheld' : 'dismissed', moderator, claimedAt, resolvedAt }
  return { status: 'claimed', moderator, claimedAt }
}

function dateOf(time: number | undefined): Date | null {
  return time === undefined ? null : new Date(time)
}
