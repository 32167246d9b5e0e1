// Connections, by what they are at, and the transactions that are open longest.
// A role that may not see what others run is told how many there are, and no more.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Point } from '../model/metric.ts'
import type { AskTools, Reading, ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

const mostShown = 10

export const connectionsProbe: ServerProbe = {
  name: 'connections',
  question: 'How many connections are there, what are they at, and how old is the oldest transaction?',
  everyMs: 15_000,
  limitMs: 1_000,
  of: 'each',
  metrics: [
    gauge('pgstrata_connections', 'Connections of clients, by what they are at.', { labels: ['state'], most: 4 }),
    gauge('pgstrata_connections_max', 'Connections that the server takes (max_connections).'),
    gauge('pgstrata_connections_used_ratio', 'Share of them that is in use.'),
    gauge('pgstrata_oldest_transaction_seconds', 'Age of the oldest transaction that is open.'),
    gauge('pgstrata_idle_in_transaction_seconds', 'Longest that a session has done nothing inside a transaction.'),
  ],
  unavailable: available,
  read: (tools) => (tools.facts.seesAll ? readStates(tools) : readCount(tools)),
}

async function readStates({ on }: AskTools): Promise<Reading> {
  const answer = await on.query<
    Record<'active' | 'idle' | 'idle_in_transaction' | 'other' | 'most' | 'oldest' | 'still', number>
  >(sql`
    select count(*) filter (where state in ('active', 'fastpath function call'))::float8 as active,
      count(*) filter (where state = 'idle')::float8 as idle,
      count(*) filter (where state like 'idle in transaction%')::float8 as idle_in_transaction,
      count(*) filter (where state is null or state in ('disabled', 'starting'))::float8 as other,
      current_setting('max_connections')::float8 as most,
      coalesce(max(extract(epoch from clock_timestamp() - xact_start)) filter (where pid <> pg_backend_pid()), 0)::float8 as oldest,
      coalesce(max(extract(epoch from clock_timestamp() - state_change)) filter (where state like 'idle in transaction%'), 0)::float8 as still
    from pg_stat_activity
    where backend_type = 'client backend'`)
  const { most, oldest, still, ...states } = onlyRow(answer)
  const all = Object.values(states).reduce((sum, one) => sum + one, 0)
  return {
    points: [
      ...Object.entries(states).map(([state, value]): Point => ({
        metric: 'pgstrata_connections',
        labels: [state],
        value,
      })),
      ...usePoints(all, most),
      { metric: 'pgstrata_oldest_transaction_seconds', labels: [], value: Math.max(0, oldest) },
      { metric: 'pgstrata_idle_in_transaction_seconds', labels: [], value: Math.max(0, still) },
    ],
    detail: { oldest: oldest < 60 ? [] : await readOldest(on) },
  }
}

/** Whose transactions are open longest; what they run is known by its queryid alone. */
async function readOldest(on: AskTools['on']): Promise<readonly object[]> {
  const { rows } = await on.query(sql`
    select pid, usename as "user", application_name as application, state, wait_event_type as "waitType",
      query_id::text as queryid, extract(epoch from clock_timestamp() - xact_start)::float8 as "openSeconds"
    from pg_stat_activity
    where backend_type = 'client backend'
      and xact_start is not null
      and pid <> pg_backend_pid()
    order by xact_start
    limit ${mostShown}`)
  return rows
}

async function readCount({ on }: AskTools): Promise<Reading> {
  const answer = await on.query<{ all: number; most: number }>(sql`
    select coalesce(sum(numbackends), 0)::float8 as all, current_setting('max_connections')::float8 as most
    from pg_stat_database`)
  const { all, most } = onlyRow(answer)
  return { points: usePoints(all, most) }
}

function usePoints(all: number, most: number): readonly Point[] {
  return [
    { metric: 'pgstrata_connections_max', labels: [], value: most },
    { metric: 'pgstrata_connections_used_ratio', labels: [], value: all / most },
  ]
}
