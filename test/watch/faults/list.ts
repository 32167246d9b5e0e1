// The faults that are put in, and the configuration under which they are found. Thresholds are those that rules come with, but where a
// value takes minutes to get there: how old a transaction is, how long a lock is waited for.

import { systemClock, type Clock } from '../../../src/base/clock.ts'
import type { AlertMessage } from '../../../src/watch/index.ts'
import { intervals, listen, quick, type Listening } from './support.ts'

/** For what stores every ten seconds what applications saw, time goes five times as fast. */
const hurry = 5
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
}

export const faults: readonly Fault[] = [
  { rule: 'BlockedSessions' },
  { rule: 'LockWaitLong' },
  { rule: 'IdleInTransaction' },
  { rule: 'LongTransaction' },
  { rule: 'ConnectionsHigh' },
  { rule: 'HighConnectionCount', labels: ['active'] },
  { rule: 'Deadlocks' },
  { rule: 'RollbacksMany' },
  { rule: 'ErrorRateHigh', node: 'app' },
  { rule: 'QueryNoticeable', node: 'app', labels: ['work:quick'] },
  { rule: 'QuerySlow', node: 'app', labels: ['work:slow'] },
  { rule: 'QueryVerySlow', node: 'app', labels: ['work:very_slow'] },
  { rule: 'SlowQueryDetected', node: 'app', labels: ['work:slowest'] },
  { rule: 'PoolBusy', node: 'app', slackMs: flushMs },
  { rule: 'PoolWaiting', node: 'app', slackMs: flushMs },
  { rule: 'PoolExhausted', node: 'app', slackMs: flushMs + exhaustedKeepMs },
  { rule: 'CacheHitRatioLow', node: 'app', slackMs: flushMs },
  { rule: 'ReplicaLagging', node: 'replica-1', labels: ['replica-1'] },
  { rule: 'ReplicationLag', node: 'replica-1', labels: ['replica-1'] },
  { rule: 'SlotInactive', labels: ['left_alone'] },
  { rule: 'SlotRetention', labels: ['left_alone'] },
  { rule: 'ArchiveFailing' },
  { rule: 'DeadRowsMany', labels: ['public', 'rewritten'] },
  { rule: 'UnusedIndex', labels: ['public', 'plays', 'plays_unused_idx'] },
  { rule: 'ExpectedIndexUnused', labels: ['plays_of_song'] },
  { rule: 'SequenceNearlyUsed', labels: ['public', 'few_numbers'] },
  { rule: 'SequenceExhausted', labels: ['public', 'fewer_numbers'] },
  { rule: 'ViewStale', node: 'pgstrata', labels: ['songs'] },
  { rule: 'JobSlow', node: 'pgstrata', labels: ['sleepy'] },
  { rule: 'JobFailing', node: 'pgstrata', labels: ['broken'] },
  { rule: 'JobFailingAgain', node: 'pgstrata', labels: ['broken'] },
]

export const state: { isBroken: boolean; isSleepy: boolean } = { isBroken: false, isSleepy: false }
export const scaled: AlertMessage[] = []
export const paged: Listening = listen()

export const config: Readonly<Record<string, unknown>> = {
  watch: { every: intervals },
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
    every: '1s',
    group: '0s',
    actions: {
      oncall: { run: (message: AlertMessage) => Promise.resolve(paged.onAlert(message)) },
      scale_read_replicas: {
        run: (message: AlertMessage) => {
          scaled.push(message)
          return Promise.resolve({ made: 'replica-2' })
        },
      },
    },
    rules: {
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
