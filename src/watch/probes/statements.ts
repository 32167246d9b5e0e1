// Which statements take the time of the server: what pg_stat_statements counted since the reading before.
//
// Its texts stand in a file that is read whole for one of them, so they are asked for once a statement that is new among those
// which take most, and otherwise never. Nothing is made up: after a reset, a restart, or of an entry that was pushed out and came
// back, there is no difference to the reading before. What is told in series is what was added since the first reading: the
// server's own numbers fall when it forgets statements.
// State: of each node the counters of the reading before (as many as the server keeps), who is at the top, what was added of those
// that were (at most 1,000) and of all others, and which texts are known.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Point } from '../model/metric.ts'
import type { StatementRow } from '../model/rows.ts'
import type { AskTools, NodeFacts, Reading, ServerProbe } from '../model/server-probe.ts'
import { counter } from './metrics.ts'
import { addCounts, emptyCounts, subtractCounts, type Counts } from './statement-counts.ts'
import { readTexts } from './statement-texts.ts'
import { createSteadyTop } from './steady-top.ts'

/** Series; as many again may come in the rows of a minute, as 'other' stands for the rest. */
const most = 20
const mostRows = 50
/** One that comes back among them goes on from where it was. */
const mostRemembered = 1_000
const byQuery = { labels: ['queryid'], most: most + 1 }

interface Sums {
  calls: number
  execMs: number
}

interface Known {
  epoch: string
  counts: ReadonlyMap<string, Counts>
  /** Since we look. */
  readonly all: Sums
  /** Of what was not shown. */
  readonly others: Sums
  /** Of what was, by statement, in the order in which they were last. */
  readonly shown: Map<string, Sums>
  readonly texts: Set<string>
  readings: number
}

/** A day of minutes: texts are then told again, so that who keeps them knows which are still in use. */
const readingsOfTexts = 1_440

export function createStatementsProbe(): ServerProbe {
  const top = createSteadyTop(most)
  const nodes = new Map<string, Known>()
  const read = async ({ on, facts }: AskTools): Promise<Reading> => {
    const extension = onlyRow(await on.query<Extension>(extensionStatement))
    const { epoch, evicted } = onlyRow(
      await on.query<{ epoch: string; evicted: number }>(sql`
        select concat_ws(' ', pg_postmaster_start_time(), stats_reset) as epoch, dealloc::float8 as evicted
        from ${sql.ident(extension.schema, 'pg_stat_statements_info')}`),
    )
    const counts = await readCounts(on, extension)
    const known = nodes.get(facts.node)
    const added = known?.epoch === epoch ? addedSince(known.counts, counts) : new Map<string, Counts>()
    const chosen = top.choose(facts.node, execOf(added.size > 0 ? added : counts))
    const state: Known = known ?? { epoch, counts, ...emptyTotals(), texts: new Set(), readings: 0 }
    nodes.set(facts.node, Object.assign(state, { epoch, counts }))
    addUp(state, added, chosen)
    if (++state.readings % readingsOfTexts === 0) state.texts.clear()
    const statements = rowsOf(added)
    const wanted = [...new Set([...chosen, ...statements.map(({ queryid }) => queryid)])]
    return {
      epoch,
      points: pointsOf(state, chosen, evicted),
      statements,
      texts: await readTexts(on, { schema: extension.schema, asked: state.texts, wanted }),
    }
  }
  return {
    name: 'statements',
    question: 'Which statements take the time of the server?',
    everyMs: 60_000,
    limitMs: 5_000,
    of: 'each',
    metrics: [
      counter('pgstrata_statements_total', 'Statements that pg_stat_statements counted in this database.'),
      counter(
        'pgstrata_statement_seconds_total',
        "Time that the server spent on a statement; 'other': on all that are not shown.",
        byQuery,
      ),
      counter('pgstrata_statement_calls_total', "How often it was run; 'other': all that are not shown.", byQuery),
      counter(
        'pgstrata_statements_evicted_total',
        'Times that pg_stat_statements was full and forgot some (pg_stat_statements.max).',
      ),
    ],
    unavailable,
    read,
  }
}

function unavailable({ extensions, settings, seesAll, isReplica }: NodeFacts): string | undefined {
  if (!(settings['shared_preload_libraries'] ?? 'pg_stat_statements').includes('pg_stat_statements'))
    return "not available because pg_stat_statements is not loaded: put it into shared_preload_libraries, restart the server, and run 'create extension pg_stat_statements'"
  if (!extensions.has('pg_stat_statements'))
    return `not available because the extension is not in this database: run 'create extension pg_stat_statements'${isReplica ? ' on the primary' : ''}`
  return seesAll
    ? undefined
    : 'not available because the role sees its own statements only: grant pg_monitor (or pg_read_all_stats) to it'
}

interface Extension {
  readonly schema: string
  /** The 11 of 1.11. */
  readonly version: number
}

const extensionStatement = sql`
  select n.nspname as schema, split_part(e.extversion, '.', 2)::int4 as version
  from pg_extension e
  join pg_namespace n on n.oid = e.extnamespace
  where e.extname = 'pg_stat_statements'`

async function readCounts(on: AskTools['on'], { schema, version }: Extension): Promise<ReadonlyMap<string, Counts>> {
  // By the version of the extension: that of a server that was upgraded may be older than the server.
  const io = sql.raw(
    version >= 11
      ? 'shared_blk_read_time + shared_blk_write_time + temp_blk_read_time + temp_blk_write_time'
      : `blk_read_time + blk_write_time${version >= 10 ? ' + temp_blk_read_time + temp_blk_write_time' : ''}`,
  )
  const { rows } = await on.query<{ queryid: string } & Counts>(sql`
    select queryid::text as queryid, sum(calls)::float8 as calls, sum(total_exec_time)::float8 as "execMs", sum(total_plan_time)::float8 as "planMs",
      sum(rows)::float8 as rows, sum(shared_blks_hit)::float8 as "blocksHit", sum(shared_blks_read)::float8 as "blocksRead",
      sum(temp_blks_read + temp_blks_written)::float8 as "tempBlocks", sum(${io})::float8 as "ioMs", sum(wal_bytes)::float8 as "walBytes"
    from ${sql.ident(schema, 'pg_stat_statements')}(false)
    where dbid = (select oid from pg_database where datname = current_database())
      and queryid is not null
    group by queryid`)
  return new Map(rows.map(({ queryid, ...counts }) => [queryid, counts]))
}

/** Of an entry that was not there before all is new; of one that went down nothing is known. */
function addedSince(
  before: ReadonlyMap<string, Counts>,
  now: ReadonlyMap<string, Counts>,
): ReadonlyMap<string, Counts> {
  const added = new Map<string, Counts>()
  for (const [queryid, counts] of now) {
    const difference = subtractCounts(counts, before.get(queryid) ?? emptyCounts)
    if (difference !== undefined && difference.calls > 0) added.set(queryid, difference)
  }
  return added
}

function execOf(counts: ReadonlyMap<string, Counts>): ReadonlyMap<string, number> {
  return new Map([...counts].map(([queryid, { execMs }]) => [queryid, execMs]))
}

function rowsOf(added: ReadonlyMap<string, Counts>): readonly StatementRow[] {
  const ranked = [...added].toSorted(([, a], [, b]) => b.execMs - a.execMs)
  const rest = ranked.slice(mostRows).map(([, counts]) => counts)
  return [
    ...ranked.slice(0, mostRows).map(([queryid, counts]) => ({ queryid, ...counts })),
    ...(rest.length === 0 ? [] : [{ queryid: '0', ...rest.reduce(addCounts, emptyCounts) }]),
  ]
}

function emptyTotals(): Pick<Known, 'all' | 'others' | 'shown'> {
  return { all: { calls: 0, execMs: 0 }, others: { calls: 0, execMs: 0 }, shown: new Map() }
}

function addUp(state: Known, added: ReadonlyMap<string, Counts>, chosen: ReadonlySet<string>): void {
  for (const queryid of chosen) {
    const sums = state.shown.get(queryid) ?? { calls: 0, execMs: 0 }
    state.shown.delete(queryid)
    state.shown.set(queryid, sums)
  }
  for (const [queryid, { calls, execMs }] of added) {
    const own = chosen.has(queryid) ? state.shown.get(queryid) : undefined
    for (const sums of [state.all, own ?? state.others]) {
      sums.calls += calls
      sums.execMs += execMs
    }
  }
  for (const queryid of state.shown.keys()) {
    if (state.shown.size <= mostRemembered) break
    state.shown.delete(queryid)
  }
}

function pointsOf({ all, others, shown }: Known, chosen: ReadonlySet<string>, evicted: number): readonly Point[] {
  const told = [...chosen].map((queryid) => [queryid, shown.get(queryid)] as const)
  return [
    { metric: 'pgstrata_statements_total', labels: [], value: all.calls },
    { metric: 'pgstrata_statements_evicted_total', labels: [], value: evicted },
    ...[...told, ['other', others] as const].flatMap(([queryid, sums]): readonly Point[] => [
      { metric: 'pgstrata_statement_seconds_total', labels: [queryid], value: (sums?.execMs ?? 0) / 1_000 },
      { metric: 'pgstrata_statement_calls_total', labels: [queryid], value: sums?.calls ?? 0 },
    ]),
  ]
}
