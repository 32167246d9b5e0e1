// docs/watch.md: what is watched, with every probe as the source has it.

import { formatDuration } from '../../src/base/units.ts'
import { listProbes, type ServerProbe } from '../../src/watch/index.ts'
import { bytesPerRow, mostStoreBytes, type StoreLoad } from '../../src/watch/store/size.ts'

export function renderWatchDocs(): string {
  const probes = listProbes()
  const asked = (of: ServerProbe['of']): string =>
    probes
      .filter((probe) => probe.of === of)
      .map(renderRow)
      .join('\n')
  return `${head}
## Every server is asked

| probe | question | every | limit |
|---|---|---|---|
${asked('each')}

## The primary alone is asked

| probe | question | every | limit |
|---|---|---|---|
${asked('primary')}

## What is no server

| probe | question | every | limit |
|---|---|---|---|
${asked('elsewhere')}

\`calls\` and \`applications\` read what every process that was opened with this configuration adds to the store each ten seconds.

${privileges}
## Metrics

${probes.map(renderMetrics).join('\n')}
${store()}`
}

function renderRow({ name, question, everyMs, limitMs }: ServerProbe): string {
  return `| \`${name}\` | ${question} | ${duration(everyMs)} | ${duration(limitMs)} |`
}

function renderMetrics({ name, metrics }: ServerProbe): string {
  const rows = metrics.map(
    (metric) =>
      `| \`${metric.name}\` | ${metric.labels.map((label) => `\`${label}\``).join(', ')} | ${metric.help.replaceAll('|', '\\|')} |`,
  )
  return `### ${name}\n\n| metric | labels | |\n|---|---|---|\n${rows.join('\n')}\n`
}

function duration(durationMs: number): string {
  if (durationMs >= 60_000)
    return durationMs >= 3_600_000 ? `${durationMs / 3_600_000} h` : `${durationMs / 60_000} min`
  return durationMs >= 1_000 ? `${durationMs / 1_000} s` : formatDuration(durationMs)
}

const head = `<!-- Written by \`npm run docs\` from src/watch. Do not edit. -->
# Watching servers

\`watch: {}\` in the configuration, \`pgstrata apply\` once, and \`pgstrata serve\` measures what your servers do: sessions by what they
wait for, statements by the time they take, locks, tables, indexes, replicas, disks. It keeps what it measured in schema
\`pgstrata\` of your database, in tables that are partitioned by day and rolled up by hour as yours are.

\`\`\`ts
import { defineConfig } from 'pgstrata'

export default defineConfig({
  database: { primary: process.env['DATABASE_URL'] },
  watch: {
    every: { tables: '1 min', bloat: 'off' },
    store: { raw: '7 days', hours: '90 days' },
  },
})
\`\`\`

Any number of processes may run \`pgstrata serve\`: one of them measures, under a lease of ten seconds, and another one takes over
when it is gone. It has one connection to each server (by the name of 'pgstrata watch') and asks one question at a time, each in
a transaction that only reads, with a limit on the server (\`statement_timeout\`) and a tenth of a second for locks. A probe that takes
longer than its limit is asked half as often, down to a sixteenth, and comes back to its pace when it is answered again. A server that
cannot be reached is tried again at least every ten seconds; meanwhile \`pgstrata_up\` is 0. To the primary it has up to five more: two for
the lease and for writing, one for probes of its own tables, two for whoever reads the store. The newest answer of every probe stands in
\`pgstrata.watch_now\`: there every other process reads what is so now, ten seconds later at most.

Of counters, what was added per second is told. After a restart of the server, after its statistics were set back, and from one process
that measures to the next, nothing is known of the time in between, and nothing is made up: what is stored of statements adds up to what
pg_stat_statements counted while somebody looked, and never to more. Counters of tables and indexes are those of all their partitions,
and do not fall when one of them is dropped; those of statements begin with 0 when a process begins to measure.
`

const privileges = `## What the role needs

\`\`\`sql
grant pg_monitor to shop_watch;
\`\`\`

A probe that cannot be asked says so, with what to do about it, and the others go on. Without \`pg_monitor\` there are no statements,
no sessions by wait, no locks and no lag; connections are only counted. \`bloat\` sees tables that the role may read (or grant it
\`pg_read_all_data\`), \`sequences\` those that it may use. The store itself is written by the same role, so it needs to own schema
\`pgstrata\`, or \`select, insert, update, delete\` on its tables.

\`statements\` needs pg_stat_statements: \`shared_preload_libraries = 'pg_stat_statements'\`, a restart, and \`create extension
pg_stat_statements\`. Texts of statements are read once for each that is new among those that take most; they are kept without
constants and comments, also where PostgreSQL leaves them standing, as in \`alter role … password\`; one that cannot be read, or is longer
than 20,000 characters, is kept as its first word. How much time was spent on reading
and writing is known only where \`track_io_timing\` is on. \`cpu\` and \`disk\` are read from the machine where the server runs on it; of
others, say in \`watch.cores\` how many processors they have, and the load is told by sessions on them.
`

const usual: StoreLoad = {
  rowsPerDay: { metric: 250 * 1_440, statement: 51 * 1_440, session: 40 * 1_440, call: 500_000 },
  keysPerHour: { metric: 350, statement: 80, session: 120, call: 500 },
}

function store(): string {
  const gigabytes = (mostStoreBytes(usual, { raw: 7, calls: 1, hours: 90 }) / 1024 ** 3).toFixed(1)
  const { metric, statement, session, call } = bytesPerRow
  return `## What is kept, and how large it gets

| table | a row for | bytes, as written | bytes, by hour |
|---|---|---|---|
| \`pgstrata.watch_metric\` | a minute of a series: of gauges the mean, of counters what was added (none where nothing was) | ${metric.raw} | ${metric.hourly} |
| \`pgstrata.watch_statement\` | a minute of a statement: the 50 that took most, and all others together (\`queryid\` 0) | ${statement.raw} | ${statement.hourly} |
| \`pgstrata.watch_session\` | a minute of a wait, by statement: the 50 most frequent, the rest by kind | ${session.raw} | ${session.hourly} |
| \`pgstrata.watch_call\` | ten seconds of a statement of one process and a span of durations | ${call.raw} | ${call.hourly} |

Rows as they are written stay for \`watch.store.raw\` (7 days; those of calls a day), hours for \`watch.store.hours\` (90 days), in rollups
of the same name with \`_hourly\`. Of tables and indexes the largest 50 have series, of statements 20, of everything else at most 100, and
who has one keeps it until it is far out of the first places. With one server, a hundred tables, and applications that run fifty different statements, that
is at most ${gigabytes} GB. While the database is away at most 50,000 rows of each kind wait in memory; the oldest are dropped.
Of texts at most 5,000 are kept by what the server calls them (\`pgstrata.watch_query\`), and 5,000 of what applications send
(\`pgstrata.watch_shape\`), each of 2,000 characters: those that were seen longest ago go. While there is no room, a shape that is new
is counted as \`other\`.

\`strata.watch.store\` reads it back: up to two days from the rows as they were written, longer and older stretches from those by hour.
Series are of whole steps: all that the stretch touches, and of counters no finer than they are asked. Statements and load are of just the
stretch while the rows of its first and last hour are there, and later of the whole hours at its ends.

\`\`\`ts
import type { Strata } from 'pgstrata'

declare const strata: Strata

const to = new Date()
const from = new Date(to.getTime() - 3_600_000)
const load = await strata.watch?.store.load({ from, to })
const slowest = await strata.watch?.store.statements({ from, to, limit: 10 })
const lag = await strata.watch?.store.series({ metric: 'pgstrata_replica_lag_seconds', from, to })
\`\`\`
`
}
