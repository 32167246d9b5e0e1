// What active sessions wait for, looked at once a second: the load of a server, by wait event.
// Sessions without a wait count as 'CPU'; processes of the server itself and those that send its WAL to replicas and subscribers as
// 'Background'; idle sessions, main loops that wait for work (of who sends WAL: for more of it, or for who takes it), and whoever asks do
// not count at all.
// State: of each node the looks of the last minute, and what is added up until the minute is over. Where a look comes late (a
// server under load is asked less often) it stands for the seconds in between, at most sixteen.

import type { Clock } from '../../base/clock.ts'
import { sql } from '../../sql/sql.ts'
import type { SessionRow } from '../model/rows.ts'
import type { AskTools, Reading, ServerProbe } from '../model/server-probe.ts'
import { gauge, needsMonitor } from './metrics.ts'

const windowMs = 60_000
const longestGapSeconds = 16
/** What a minute is kept as; all else of it goes under queryid 0. */
const mostRows = 50
/** Groups of one look. */
const mostGroups = 200

export interface Activity {
  readonly probe: ServerProbe
  /** Sessions on the CPU, the mean of the last minute; undefined: nothing was seen of that node. */
  readonly onCpu: (node: string) => number | undefined
}

interface Look {
  readonly atMs: number
  readonly seconds: number
  readonly types: ReadonlyMap<string, number>
}

interface Seen {
  looks: Look[]
  minute: number
  readonly rows: Map<string, { readonly row: Omit<SessionRow, 'samples'>; samples: number }>
  readonly types: Set<string>
}

interface Group {
  readonly waitType: string
  readonly wait: string
  readonly queryid: string
  readonly sessions: number
}

export function createActivity(clock: Clock): Activity {
  const nodes = new Map<string, Seen>()
  const read = async ({ on, facts }: AskTools): Promise<Reading> => {
    const groups = await readGroups(on)
    const seen = nodes.get(facts.node) ?? { looks: [], minute: -1, rows: new Map(), types: new Set(['CPU']) }
    nodes.set(facts.node, seen)
    const sessions = note(seen, groups, { atMs: clock.monotonic(), minute: Math.floor(clock.now() / windowMs) })
    const means = meansOf(seen)
    return {
      points: [...seen.types].map((type) => ({
        metric: 'pgstrata_active_sessions',
        labels: [type],
        value: means.get(type) ?? 0,
      })),
      sessions,
    }
  }
  return {
    probe: {
      name: 'activity',
      question: 'What do active sessions wait for?',
      everyMs: 1_000,
      limitMs: 200,
      of: 'each',
      metrics: [
        gauge(
          'pgstrata_active_sessions',
          'Active sessions by what they wait for, the mean of a minute; CPU: for nothing.',
          {
            labels: ['wait_type'],
            most: 12,
          },
        ),
      ],
      unavailable: needsMonitor,
      read,
    },
    onCpu: (node) => {
      const seen = nodes.get(node)
      return seen === undefined ? undefined : (meansOf(seen).get('CPU') ?? 0)
    },
  }
}

async function readGroups(on: AskTools['on']): Promise<readonly Group[]> {
  const { rows } = await on.query<Group>(sql`
    select case when is_background then 'Background' else coalesce(wait_event_type, 'CPU') end as "waitType",
      case when is_background then backend_type || ': ' || coalesce(wait_event, 'CPU') else coalesce(wait_event, 'CPU') end as wait,
      coalesce(query_id, 0)::text as queryid,
      count(*)::float8 as sessions
    from pg_stat_activity
    cross join lateral (select state is null or backend_type = 'walsender' as is_background) as b
    where (state = 'active' or state is null)
      and wait_event_type is distinct from 'Activity'
      and (backend_type is distinct from 'walsender' or wait_event_type is distinct from 'Client')
      and pid <> pg_backend_pid()
    group by 1, 2, 3
    order by 4 desc
    limit ${mostGroups}`)
  return rows
}

/** Gives back the minute that is over, if one is. */
function note(
  seen: Seen,
  groups: readonly Group[],
  { atMs, minute }: { readonly atMs: number; readonly minute: number },
): readonly SessionRow[] {
  const last = seen.looks.at(-1)
  const gap = last === undefined ? 1 : Math.round((atMs - last.atMs) / 1_000)
  const seconds = Math.min(longestGapSeconds, Math.max(1, gap))
  const over = seen.minute >= 0 && minute !== seen.minute ? closeMinute(seen) : []
  seen.minute = minute
  const types = new Map<string, number>()
  for (const { waitType, wait, queryid, sessions } of groups) {
    seen.types.add(waitType)
    types.set(waitType, (types.get(waitType) ?? 0) + sessions)
    const key = `${waitType} ${wait} ${queryid}`
    const kept = seen.rows.get(key) ?? { row: { waitType, wait, queryid }, samples: 0 }
    kept.samples += sessions * seconds
    seen.rows.set(key, kept)
  }
  seen.looks = [...seen.looks.filter((look) => look.atMs > atMs - windowMs), { atMs, seconds, types }]
  return over
}

function closeMinute(seen: Seen): readonly SessionRow[] {
  const all = [...seen.rows.values()].toSorted((a, b) => b.samples - a.samples)
  seen.rows.clear()
  const rest = new Map<string, SessionRow>()
  for (const { row, samples } of all.slice(mostRows)) {
    const sum = (rest.get(row.waitType)?.samples ?? 0) + samples
    rest.set(row.waitType, { waitType: row.waitType, wait: 'other', queryid: '0', samples: sum })
  }
  return [...all.slice(0, mostRows).map(({ row, samples }) => ({ ...row, samples })), ...rest.values()]
}

function meansOf({ looks }: Seen): ReadonlyMap<string, number> {
  const seconds = looks.reduce((sum, look) => sum + look.seconds, 0)
  const sums = new Map<string, number>()
  for (const look of looks)
    for (const [type, sessions] of look.types) sums.set(type, (sums.get(type) ?? 0) + sessions * look.seconds)
  return new Map([...sums].map(([type, sum]) => [type, sum / seconds]))
}
