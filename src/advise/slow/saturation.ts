// Step 6: whether sessions wait: for a connection, for a lock, for a processor or for the disk.

import { sql } from '../../sql/sql.ts'
import { blockedSessions } from '../checks/blocked-sessions.ts'
import { connectionsUsed } from '../checks/connections-used.ts'
import { idleInTransaction } from '../checks/idle-in-transaction.ts'
import { lockPool } from '../checks/lock-pool.ts'
import { judge, suspect, type SlowStep } from './step.ts'

interface Busy {
  readonly active: number
  readonly onCpu: number
  readonly onLock: number
  readonly onIo: number
}

interface Pools {
  readonly usedRatio: number | null
  readonly waiting: number | null
}

export const saturation: SlowStep = {
  name: 'saturation',
  question: 'Do sessions wait for connections, locks, processors or the disk?',
  look: async ({ ask, check, facts, limitsOf }) => {
    const { warn } = limitsOf('saturation', { warn: 0.9, critical: 1, least: 0 })
    const [busy] = await ask<Busy>(sql`
      select count(*)::float8 as active,
        (count(*) filter (where wait_event is null))::float8 as "onCpu",
        (count(*) filter (where wait_event_type = 'Lock'))::float8 as "onLock",
        (count(*) filter (where wait_event_type = 'IO'))::float8 as "onIo"
      from pg_stat_activity
      where backend_type = 'client backend'
        and state = 'active'
        and pid <> pg_backend_pid()`)
    const answer = await check(blockedSessions, connectionsUsed, idleInTransaction, lockPool)
    const judged = judge(answer, { well: 'Connections, locks and pools have room', weight: 1 })
    const pools = await readPools(ask)
    const evidence = {
      ...busy,
      ...(pools === undefined ? {} : { poolUsedRatio: pools.usedRatio, poolWaiting: pools.waiting }),
    }
    const unseen = facts.seesAll ? [] : ['what others do is hidden from this role: grant pg_monitor to it']
    if (judged.verdict !== 'likely' && pools?.usedRatio !== undefined && (pools.usedRatio ?? 0) >= warn)
      return suspect({
        suspicion: 0.7,
        found: `A pool of the applications is ${Math.round((pools.usedRatio ?? 0) * 100)} % in use`,
        evidence,
        findings: judged.findings,
        unknown: [...judged.unknown, ...unseen],
        next: [
          'Find what holds its connections (slow statements, work between two statements of a transaction), then raise pool.max.',
        ],
      })
    const all = { ...judged, evidence: { ...evidence, ...judged.evidence }, unknown: [...judged.unknown, ...unseen] }
    return judged.verdict === 'not' && unseen.length > 0 ? { ...all, verdict: 'unknown', found: unseen[0] ?? '' } : all
  },
}

/** What applications told of their pools, where it is stored; undefined: it is not. */
async function readPools(
  ask: (statement: ReturnType<typeof sql>) => Promise<readonly object[]>,
): Promise<Pools | undefined> {
  const installed = await ask(sql`select where to_regclass('pgstrata.watch_metric') is not null`)
  if (installed.length === 0) return undefined
  const rows = await ask(sql`
    select max(value) filter (where metric = 'pgstrata_pool_used_ratio') as "usedRatio",
      max(value) filter (where metric = 'pgstrata_pool_waiting') as waiting
    from pgstrata.watch_metric
    where metric in ('pgstrata_pool_used_ratio', 'pgstrata_pool_waiting')
      and at > clock_timestamp() - interval '5 minutes'`)
  return rows[0] as Pools | undefined
}
