// What should be seen to about a rollup, and what to do. Pure.

import { formatDuration, formatSize } from '../base/units.ts'
import type { Merging } from './job/merging.ts'
import { mostFailures, pauseAfter } from './job/pace.ts'
import { describeSnapshot, type OldestSnapshot } from './job/snapshots.ts'

export type RollupState = 'not applied' | 'filling' | 'refilling' | 'live' | 'changed' | 'not declared'

export interface Finding {
  readonly what: string
  readonly todo: string
}

/** From there on they are not counted. */
export const mostPending = 100_000
/** A merge is due each second, each minute by pg_cron; noted once a minute. */
const longLagMs = 3 * 60_000
/** A vacuum of what is merged is due from 256 kB on (tidy.ts); a delta is some 100 bytes. */
const largeDeltaBytes = 16 * 1024 * 1024
const mostBytesEach = 1024

interface Findable {
  readonly state: RollupState
  readonly pending: number
  readonly deltaBytes: number
  readonly lagMs: number | null
  readonly merging: Merging | undefined
  readonly oldest: OldestSnapshot | null
}

export function findingsOf(status: Findable): readonly Finding[] {
  return [...findState(status), ...findFailure(status), ...findPending(status), ...findSpace(status)]
}

function findState({ state }: Findable): readonly Finding[] {
  if (state === 'changed') {
    return [
      {
        what: 'it is declared in another way than it is kept',
        todo: 'run `pgstrata plan`: it says what becomes of it',
      },
    ]
  }
  if (state !== 'not declared') return []
  return [{ what: 'it is declared no more', todo: 'run `pgstrata apply`, which drops it' }]
}

function findFailure({ state, merging }: Findable): readonly Finding[] {
  if (merging === undefined || merging.failures === 0) return []
  const { failures, failingSince, lastError, todo } = merging
  const [work, verb] = state === 'filling' || state === 'refilling' ? ['filling', 'fill'] : ['merge', 'merge']
  const since = failingSince === null ? '' : ` since ${failingSince.toISOString().slice(0, 19)}Z`
  const often = failures === 1 ? 'failed' : `failed ${failures} times in a row`
  const next = failures < mostFailures ? '' : `; it is tried every ${formatDuration(pauseAfter(failures))} by now`
  return [
    {
      what: `its ${work} has ${often}${since}: ${lastError ?? ''}${next}`,
      todo: `${todo ?? 'see to what it says'}; \`pgstrata rollup ${verb}\` tries at once`,
    },
  ]
}

function findPending({ state, pending, lagMs, merging }: Findable): readonly Finding[] {
  // Why is said already.
  if ((merging?.failures ?? 0) > 0 || state === 'filling') return []
  const many = pending >= mostPending
  const late = pending > 0 && lagMs !== null && lagMs > longLagMs
  if (!many && !late) return []
  const much = many ? `${mostPending.toLocaleString('en-US')} changes or more are pending` : 'changes are pending'
  const long = late ? `${many ? ', and nothing' : ' that nothing'} has merged for ${formatDuration(lagMs)}` : ''
  return [{ what: `${much}${long}`, todo: 'see that `pgstrata serve` runs, or call pgstrata.merge() by pg_cron' }]
}

function findSpace({ pending, deltaBytes, oldest }: Findable): readonly Finding[] {
  if (pending >= mostPending || deltaBytes <= largeDeltaBytes || deltaBytes <= pending * mostBytesEach) return []
  const what = `changes that were merged still take ${formatSize(deltaBytes)}, and are read through each time`
  // Nothing has been written since it came.
  if (oldest === null || oldest.transactions === 0)
    return [{ what, todo: 'vacuum clears them with the next merge, or within minutes' }]
  const held = describeSnapshot(oldest)
  return [{ what: `${what}: ${held.what}, and vacuum cannot clear behind it`, todo: held.todo }]
}
