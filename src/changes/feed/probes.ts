// What `doctor` asks about the feed: whether it can run safely, whether anybody runs it, and how much is kept for it.

import type { Probe, ProbeResult } from '../../base/probe.ts'
import { formatSize, plural } from '../../base/units.ts'
import type { Db } from '../../db/db.ts'
import { guarded } from '../../db/probes.ts'
import type { ChangesSettings } from './facade.ts'
import { usualCapBytes } from './outbox/triggers.ts'
import { readFeedState, type FeedState } from './status.ts'
import { readWalSettings, requireSafe } from './wal/slot.ts'

/** Of its cap, before it is told of. */
const muchOfCap = 0.5

export function changesProbes(db: Db, settings: ChangesSettings | undefined): readonly Probe[] {
  if (settings === undefined) return []
  const { source, ownCapBytes, tables } = settings
  const state = (): Promise<FeedState> => readFeedState(db, tables)
  return [
    {
      name: 'changes: source',
      run: guarded(async () => {
        const wal = await readWalSettings(db)
        if (source === 'outbox' || (source === 'auto' && wal.walLevel !== 'logical'))
          return { verdict: 'ok', found: `from an outbox (wal_level ${wal.walLevel})` }
        requireSafe(wal, ownCapBytes)
        return {
          verdict: 'ok',
          found: `from the WAL, of which at most ${formatSize(capOf(wal, ownCapBytes))} are kept`,
        }
      }),
    },
    { name: 'changes: consumer', run: guarded(async () => judgeConsumer(await state())) },
    { name: 'changes: kept', run: guarded(async () => judgeKept(await state(), ownCapBytes)) },
    {
      name: 'changes: tables',
      run: guarded(async () => {
        const { findings } = await state()
        const [first] = findings
        if (first === undefined) return { verdict: 'ok', found: `${plural(tables.length, 'table')} captured` }
        const found = findings.map(({ schema, table, finding }) => `${schema}.${table}: ${finding}`).join('; ')
        return { verdict: 'warn', found, fix: first.advice }
      }),
    },
  ]
}

function judgeConsumer({ epoch, isHeld }: FeedState): ProbeResult {
  if (isHeld) return { verdict: 'ok', found: 'a process consumes the feed' }
  const found = epoch === undefined ? 'no process has run the feed yet' : 'no process consumes the feed'
  return {
    verdict: 'warn',
    found,
    fix: 'Run `pgstrata serve`: until then cached values are as old as their ttl allows.',
  }
}

function judgeKept(state: FeedState, ownCapBytes: number | undefined): ProbeResult {
  const { epoch, slot, outboxBytes, isOutboxFull } = state
  if (epoch === undefined) return { verdict: 'ok', found: 'nothing yet' }
  if (epoch.source === 'outbox' && isOutboxFull)
    return {
      verdict: 'fail',
      found: 'the outbox has outgrown its cap, and changes are not noted any more',
      fix: 'Run `pgstrata serve`: whoever runs the feed empties it and begins a new epoch. Raise `changes.cap` if that comes again.',
    }
  if (epoch.source === 'outbox') return judgeBytes('the outbox holds', outboxBytes, ownCapBytes ?? usualCapBytes)
  if (slot === undefined || slot.isLost)
    return {
      verdict: 'fail',
      found: slot === undefined ? 'its replication slot is gone' : 'the server has removed WAL that its slot needed',
      fix: 'The next process to run the feed begins a new epoch, and discards what was cached. Raise max_slot_wal_keep_size if that comes again.',
    }
  return judgeBytes('WAL kept for its slot:', slot.retainedBytes, capOf(state, ownCapBytes))
}

function judgeBytes(what: string, bytes: number, capBytes: number | undefined): ProbeResult {
  const most = capBytes === undefined || capBytes === Infinity ? '' : ` of at most ${formatSize(capBytes)}`
  const found = `${what} ${formatSize(bytes)}${most}`
  if (capBytes === undefined || bytes < capBytes * muchOfCap) return { verdict: 'ok', found }
  return { verdict: 'warn', found, fix: 'See `pgstrata changes`: a listener fails, or nobody consumes it.' }
}

/** The smaller of the two. */
function capOf({ capBytes }: Pick<FeedState, 'capBytes'>, ownCapBytes: number | undefined): number {
  return Math.min(capBytes ?? Infinity, ownCapBytes ?? Infinity)
}
