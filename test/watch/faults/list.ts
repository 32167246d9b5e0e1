// The faults that are put in, and the configuration under which they are found. Thresholds are those that rules come with, but where a
// value takes minutes to get there: how old a transaction is, how long a lock is waited for.
//
// With PGSTRATA_SOAK=1 everything is as it comes: thresholds, intervals of probes and looks, `for` and `keep`. Left out then is what
// takes longer than 25 minutes by itself: dead rows (half an hour), an index that nothing uses (a day).

import { systemClock, type Clock } from '../../../src/base/clock.ts'
import { listProbes, type AlertMessage, type Rule } from '../../../src/watch/index.ts'
import { boundMs, intervals, isUsual, listen, marginMs, quick, slowerMs, type Listening } from './support.ts'

/** For what stores every ten seconds what applications saw, time goes five times as fast. */
const hurry = isUsual ? 1 : 5
export const quickClock: Clock = { ...systemClock, after: (delayMs, work) => systemClock.after(delayMs / hurry, work) }
const flushMs = 11_000 / hurry
/** From one flush to the next, and a reading. */
const exhaustedKeepMs = 5_000

export interface Fault {
  readonly rule: string
  readonly node?: string
  readonly labels?: readonly string[]
  /** Beyond a probe, a look and what it has to last. */
  readonly slackMs?: number
  /** Until the value is there, and is away again, where everything is as it comes. */
  readonly reachMs?: number
  readonly leaveMs?: number
}

/** What is told of calls is told of the minute before the last fifteen seconds. */
const ofCalls = { slackMs: flushMs, reachMs: 90_000, leaveMs: 90_000 }

const allFaults: readonly Fault[] = [
  { rule: 'BlockedSessions' },
  { rule: 'LockWaitLong', reachMs: 30_000 },
  { rule: 'IdleInTransaction', reachMs: 300_000 },
  { rule: 'LongTransaction', reachMs: 600_000 },
  { rule: 'ConnectionsHigh' },
  { rule: 'HighConnectionCount', labels: ['active'] },
  { rule: 'Deadlocks', slackMs: slowerMs },
  { rule: 'RollbacksMany', slackMs: slowerMs },
  { ...ofCalls, rule: 'ErrorRateHigh', node: 'app' },
  { ...ofCalls, rule: 'QueryNoticeable', node: 'app', labels: ['work:quick'] },
  { ...ofCalls, rule: 'QuerySlow', node: 'app', labels: ['work:slow'] },
  { ...ofCalls, rule: 'QueryVerySlow', node: 'app', labels: ['work:very_slow'] },
  { ...ofCalls, rule: 'SlowQueryDetected', node: 'app', labels: ['work:slowest'] },
  { rule: 'PoolBusy', node: 'app', slackMs: flushMs },
  { rule: 'PoolWaiting', node: 'app', slackMs: flushMs },
  { rule: 'PoolExhausted', node: 'app', slackMs: flushMs + exhaustedKeepMs },
  { rule: 'CacheHitRatioLow', node: 'app', slackMs: flushMs },
  { rule: 'ReplicaLagging', node: 'replica-1', labels: ['replica-1'] },
  { rule: 'ReplicationLag', node: 'replica-1', labels: ['replica-1'] },
  { rule: 'SlotInactive', labels: ['left_alone'] },
  { rule: 'SlotRetention', labels: ['left_alone'] },
  { rule: 'ArchiveFailing', slackMs: slowerMs },
  { rule: 'DeadRowsMany', labels: ['public', 'rewritten'] },
  { rule: 'UnusedIndex', labels: ['public', 'plays', 'plays_unused_idx'] },
  { rule: 'ExpectedIndexUnused', labels: ['plays_of_song'] },
  { rule: 'SequenceNearlyUsed', labels: ['public', 'few_numbers'] },
  { rule: 'SequenceExhausted', labels: ['public', 'fewer_numbers'] },
  { rule: 'ViewStale', node: 'pgstrata', labels: ['songs'] },
  { rule: 'JobSlow', node: 'pgstrata', labels: ['sleepy'] },
  { rule: 'JobFailing', node: 'pgstrata', labels: ['broken'] },
  { rule: 'JobFailingAgain', node: 'pgstrata', labels: ['broken'], reachMs: 180_000 },
]

const tooSlow: ReadonlySet<string> = new Set(['DeadRowsMany', 'UnusedIndex'])
/** Of thresholds that are far off where everything else is quick. */
const farOff: readonly Fault[] = [
  { rule: 'BlockedSessionsMany' },
  { rule: 'ConnectionsExhausted' },
  { rule: 'DeadlocksMany' },
  { rule: 'ReplicationLagCritical', node: 'replica-1', labels: ['replica-1'], reachMs: 30_000 },
  { rule: 'BufferHitRatioLow' },
  { rule: 'IndexScanEfficiency' },
]

export const faults: readonly Fault[] = isUsual
  ? [...allFaults.filter(({ rule }) => !tooSlow.has(rule)), ...farOff]
  : allFaults

/** Sessions: that are at work, that wait for one row, and that there are when connections run out. */
export const sizes = isUsual
  ? { connections: 600, busy: 85, waiting: 10, used: 576 }
  : { connections: 60, busy: 4, waiting: 3, used: 52 }

const probeOf: ReadonlyMap<string, { readonly name: string; readonly everyMs: number }> = new Map(
  listProbes().flatMap((probe) => probe.metrics.map(({ name }) => [name, probe] as const)),
)
const lookMs = 10_000

/** Within what it has to fire after the fault is put in, and to be over after it is gone. */
export function boundsOf(
  { slackMs = 0, reachMs = 0, leaveMs = 0 }: Fault,
  { metric, forMs, keepMs }: Rule,
): { readonly firedMs: number; readonly resolvedMs: number } {
  if (!isUsual) return { firedMs: boundMs + slackMs, resolvedMs: boundMs + slackMs }
  const probe = probeOf.get(metric)
  // What is told of the time between two readings is whole after the second one.
  const readings = metric.endsWith('_total') || probe?.name === 'database' ? 2 : 1
  const measuredMs = readings * (probe?.everyMs ?? 0) + lookMs + marginMs + slackMs
  return { firedMs: reachMs + measuredMs + forMs, resolvedMs: leaveMs + measuredMs + keepMs }
}

export const state: { isBroken: boolean; isSleepy: boolean } = { isBroken: false, isSleepy: false }
export const scaled: AlertMessage[] = []
export const paged: Listening = listen()

export const config: Readonly<Record<string, unknown>> = {
  watch: isUsual ? {} : { every: intervals },
  views: { songs: { sql: 'select song_id, count(*) as n from plays group by song_id', unique: ['song_id'] } },
  expect: { plays_of_song: { sql: 'select count(*) from plays where song_id = $1', index: 'plays_song_idx' } },
  jobs: {
    own: {
      sleepy: {
        every: '30 days',
        run: async () => void (state.isSleepy && (await new Promise((resolve) => setTimeout(resolve, 2_100)))),
      },
      broken: {
        every: '30 days',
        run: () => (state.isBroken ? Promise.reject(new Error('it is broken')) : Promise.resolve()),
      },
    },
  },
  alerts: {
    ...(isUsual ? {} : { every: '1s', group: '0s' }),
    actions: {
      oncall: { run: (message: AlertMessage) => Promise.resolve(paged.onAlert(message)) },
      scale_read_replicas: {
        run: (message: AlertMessage) => {
          scaled.push(message)
          return Promise.resolve({ made: 'replica-2' })
        },
      },
    },
    rules: isUsual
      ? { ServerDown: { actions: ['oncall'] }, ExpectedIndexUnused: { actions: ['analyze_missing_indexes'] } }
      : {
          ...Object.fromEntries(faults.map(({ rule }) => [rule, quick])),
          LockWaitLong: { ...quick, over: '2s' },
          IdleInTransaction: { ...quick, over: '2s' },
          LongTransaction: { ...quick, over: '2s' },
          HighConnectionCount: { ...quick, over: 6 },
          ServerDown: { ...quick, actions: ['oncall'] },
          ExpectedIndexUnused: { ...quick, actions: ['analyze_missing_indexes'] },
          // A counter that moves once is over the threshold at one look.
          ...Object.fromEntries(['Deadlocks', 'ArchiveFailing'].map((rule) => [rule, { for: 0, keep: '1s' }])),
          // Longer than from flush to flush.
          PoolExhausted: { keep: exhaustedKeepMs },
        },
  },
}
