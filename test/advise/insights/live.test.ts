// Each insight on a real server: a situation in which it speaks, and one beside it, healthy, in which it is silent. Times decide
// nothing here; rules that go by times alone are held to account in recorded.test.ts.

import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { QueryPlanAnalyzer, type Insight } from '../../../src/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, type TestDatabase } from '../../support/postgres.ts'
import { createSongs, flushStatistics } from '../songs.ts'

interface Situation {
  readonly text: string
  readonly params?: readonly unknown[]
  /** Of the connection. */
  readonly settings?: Readonly<Record<string, string>>
  readonly analyze?: boolean
}

interface Case {
  readonly speaks: Situation
  readonly silent: Situation
  /** The first version that says enough. */
  readonly since?: number
  /** What must stand in what it says, with its numbers. */
  readonly says: RegExp
  readonly fix?: readonly string[]
}

const serial = { max_parallel_workers_per_gather: '0', jit: 'off' }

const cases: Readonly<Record<string, Case>> = {
  'slow-scan': {
    speaks: { text: 'select * from plays where song_id = 77' },
    silent: { text: 'select * from plays where amount >= 5' },
    says: /^Seq Scan on public\.plays threw away 39,998 of 40,000 rows \(99 %\)$/,
  },
  'inefficient-index': {
    speaks: { text: 'select * from plays where id < 20000 and song_id = 77', settings: { enable_seqscan: 'off' } },
    silent: { text: 'select * from plays where id < 20000 and amount >= 5', settings: { enable_seqscan: 'off' } },
    says: /found 19,999 rows by .* and threw away 19,99\d \(99 %\)$/,
  },
  misestimate: {
    speaks: { text: 'select * from pairs where a = 3 and b = 3 and c = 3' },
    silent: { text: 'select * from pairs where a = 3' },
    says: /^Seq Scan on public\.pairs gave \d+× more rows than expected: 5,000 for \d+$/,
    fix: ['analyze "public"."pairs"'],
  },
  'stale-statistics': {
    speaks: { text: 'select * from unanalyzed where id = 3', analyze: false },
    silent: { text: 'select * from plays where song_id = 3', analyze: false },
    says: /^Table "public"\."unanalyzed" was never analyzed/,
    fix: ['analyze "public"."unanalyzed"'],
  },
  'disk-sort': {
    speaks: { text: 'select * from plays order by listener', settings: { work_mem: '1MB' } },
    silent: { text: 'select * from plays order by listener', settings: { work_mem: '64MB' } },
    says: /^Sort by plays\.listener wrote [\d.]+ MB to disk; work_mem is 1\.0 MB$/,
    fix: [expect.stringMatching(/^set local work_mem = '\d+MB'$/)],
  },
  'hash-batches': {
    speaks: {
      text: 'select count(*) from plays a join plays b on a.song_id = b.id',
      settings: { work_mem: '256kB', enable_mergejoin: 'off', enable_nestloop: 'off' },
    },
    silent: {
      text: 'select count(*) from plays a join plays b on a.song_id = b.id',
      settings: { work_mem: '64MB', enable_mergejoin: 'off', enable_nestloop: 'off' },
    },
    says: /^Hash took \d+ batches/,
  },
  'lossy-bitmap': {
    speaks: {
      text: 'select * from padded where kind = 3',
      settings: { work_mem: '64kB', enable_seqscan: 'off', enable_indexscan: 'off' },
    },
    silent: {
      text: 'select * from padded where kind = 3',
      settings: { work_mem: '64MB', enable_seqscan: 'off', enable_indexscan: 'off' },
    },
    says: /^Bitmap Heap Scan on public\.padded kept [\d,]+ of [\d,]+ pages without their rows, and looked through [\d,]+ rows for nothing$/,
  },
  'heap-fetches': {
    speaks: {
      text: 'select id from unvacuumed where id < 5000',
      settings: { enable_seqscan: 'off', enable_bitmapscan: 'off' },
    },
    silent: {
      text: 'select id from plays where id < 5000',
      settings: { enable_seqscan: 'off', enable_bitmapscan: 'off' },
    },
    says: /^Index Only Scan using unvacuumed_pkey on public\.unvacuumed fetched 4,999 rows from the table/,
    fix: ['vacuum "public"."unvacuumed"'],
  },
  'nested-loop': {
    speaks: {
      text: 'select count(*) from pairs p join songs s on s.id = p.id where p.a = 3 and p.b = 3 and p.c = 3 and p.d = 3',
      // Where the sample has a row or two more, it would be taken at about the same cost.
      settings: { enable_mergejoin: 'off' },
    },
    silent: {
      text: 'select count(*) from songs s join plays p on p.id = s.id where s.id < 2000',
      settings: { enable_hashjoin: 'off', enable_mergejoin: 'off' },
    },
    says: /ran 5,000 times: Seq Scan on public\.pairs p gave [\d,]+ times the rows expected$/,
  },
  'order-limit': {
    speaks: {
      text: 'select * from pairs where a = 3 and b = 4 order by id limit 3',
      settings: { enable_seqscan: 'off', enable_sort: 'off' },
    },
    silent: {
      text: 'select * from pairs where a = 3 order by id limit 3',
      settings: { enable_seqscan: 'off', enable_sort: 'off' },
    },
    says: /^Index Scan using pairs_pkey on public\.pairs was walked in order and threw away 50,000 rows until 0 fitted /,
  },
  'or-across-tables': {
    speaks: {
      text: `select count(*) from songs s join plays p on p.song_id = s.id where s.genre = 'Rock' or p.listener = 'listener7'`,
    },
    silent: {
      text: `select count(*) from songs s join plays p on p.song_id = s.id where s.genre = 'Rock' or s.strategy = 'gift'`,
    },
    says: /joined 39,\d+ rows and threw them away by /,
  },
  'large-offset': {
    speaks: { text: 'select * from plays order by id offset 30000 limit 10' },
    silent: { text: 'select * from plays order by id offset 50 limit 10' },
    says: /^30,000 rows of .* were skipped by OFFSET$/,
  },
  'trigger-time': {
    speaks: { text: 'delete from parents where id between 30 and 60' },
    silent: { text: 'delete from plays where id between 1 and 20000' },
    says: /^Foreign key children_parent_id_fkey of parents took .* for 31 calls/,
  },
  workers: {
    speaks: {
      text: 'select count(*) from plays',
      settings: {
        max_parallel_workers: '0',
        max_parallel_workers_per_gather: '2',
        parallel_setup_cost: '0',
        parallel_tuple_cost: '0',
        min_parallel_table_scan_size: '0',
      },
    },
    silent: {
      text: 'select count(*) from plays',
      settings: { max_parallel_workers: '0', max_parallel_workers_per_gather: '0' },
    },
    says: /^Gather had 0 of [12] workers$/,
  },
  memoize: {
    speaks: {
      text: 'select count(*) from misjudged m join songs s on s.id = m.ref',
      settings: { enable_hashjoin: 'off', enable_mergejoin: 'off' },
    },
    silent: {
      text: 'select count(*) from plays p join songs s on s.id = (p.id % 7)',
      settings: { enable_hashjoin: 'off', enable_mergejoin: 'off' },
    },
    says: /^Memoize had 0 of 5,000 answers \(0 %\)/,
  },
  'temp-files': {
    speaks: {
      text: 'with all_of_it as materialized (select *, repeat(listener, 8) from plays) select count(*) from all_of_it a, generate_series(1, 2)',
      settings: { work_mem: '64kB' },
    },
    silent: {
      text: 'with all_of_it as materialized (select *, repeat(listener, 8) from plays) select count(*) from all_of_it a, generate_series(1, 2)',
      settings: { work_mem: '64MB' },
    },
    says: /^.*Scan on .* wrote [\d.]+ MB to temporary files; work_mem is 64\.0 kB$/,
  },
  'function-in-predicate': {
    speaks: { text: `select * from plays where upper(listener) = 'LISTENER7'` },
    silent: { text: `select * from plays where listener = 'listener7'` },
    says: /filters by upper\("listener"\), which removed 39,\d+ rows$/,
    fix: ['create index concurrently "plays_listener_upper_idx" on "public"."plays" ((upper("listener")))'],
  },
  'leading-wildcard': {
    speaks: { text: `select * from plays where listener like '%er77'` },
    silent: { text: `select * from plays where listener like 'listener7%'` },
    says: /looks for a pattern in "listener" and threw away 39,\d+ rows$/,
    fix: [
      'create extension if not exists pg_trgm',
      'create index concurrently "plays_listener_trgm_idx" on "public"."plays" using gin ("listener" gin_trgm_ops)',
    ],
  },
  'not-in-subquery': {
    speaks: { text: 'select * from songs where id not in (select song_id from plays)' },
    silent: { text: 'select * from songs s where not exists (select from plays p where p.song_id = s.id)' },
    says: /^Seq Scan on public\.songs looks each of its rows up in 40,000 rows of Seq Scan on public\.plays \(NOT IN\)$/,
  },
  'wide-rows': {
    speaks: { text: 'select * from wide' },
    silent: { text: 'select id from wide' },
    says: /^2,000 rows of about [\d.]+ kB are fetched whole$/,
  },
  'unpruned-partitions': {
    speaks: { text: `select * from parted where id + 0 = 5` },
    silent: { text: `select * from parted where id = 5` },
    says: /^9 of 10 parts \(parted_\d+ among them\) were read and gave nothing$/,
  },
  'materialized-cte': {
    speaks: { text: 'with p as materialized (select * from plays) select * from p where song_id = 7' },
    silent: { text: 'with p as (select * from plays) select * from p where song_id = 7' },
    says: /^CTE p was computed whole, and 39,998 of its rows thrown away \(99 %\)$/,
  },
  'correlated-subplan': {
    speaks: { text: 'select id, (select title from songs s where s.id = p.song_id) from plays p where p.id < 3000' },
    silent: { text: 'select p.id, s.title from plays p left join songs s on s.id = p.song_id where p.id < 3000' },
    says: /^SubPlan 1 \(Index Scan using songs_pkey on public\.songs s\) ran 2,999 times$/,
  },
  'generic-plan': {
    speaks: { text: 'select * from skewed where kind = $1', params: [7], analyze: false },
    silent: { text: 'select * from plays where id = $1', params: [7], analyze: false },
    says: /^Planned without its values it costs [\d,]+, with them \d+$/,
    fix: ["set local plan_cache_mode = 'force_custom_plan'"],
  },
  'non-hot-updates': {
    speaks: { text: 'update busy set n = n + 1 where id = 3 or n > 0', analyze: false },
    silent: { text: 'update plays set seconds = 1', analyze: false },
    says: /^0 % of the updates of public\.busy so far were HOT; it has 2 indexes$/,
    fix: ['alter table "public"."busy" set (fillfactor = 90)'],
  },
  serialization: {
    speaks: { text: `select repeat('x', 12000) from generate_series(1, 1000)`, settings: { cpu_tuple_cost: '1' } },
    silent: {
      text: `select length(repeat('x', 12000)) from generate_series(1, 1000)`,
      settings: { cpu_tuple_cost: '1' },
    },
    since: 17,
    says: /^11\.\d MB were converted to be sent/,
  },
  'disabled-nodes': {
    speaks: {
      text: 'select count(*) from plays where amount = 3',
      settings: { enable_seqscan: 'off' },
      analyze: false,
    },
    silent: { text: 'select count(*) from plays where id = 3', settings: { enable_seqscan: 'off' }, analyze: false },
    says: /^Seq Scan on public\.plays was switched off \(enable_seqscan\), and there was no other way$/,
    fix: ['reset enable_seqscan'],
  },
  'index-searches': {
    speaks: {
      text: `select * from skipped where b = lpad('7777', 300, 'x')`,
      settings: { enable_seqscan: 'off', enable_bitmapscan: 'off' },
    },
    silent: {
      text: `select * from skipped where a = 127 and b = lpad('7777', 300, 'x')`,
      settings: { enable_seqscan: 'off', enable_bitmapscan: 'off' },
    },
    since: 18,
    says: /^Index Only Scan using skipped_a_b_idx on public\.skipped was searched \d+ times for \d+ rows$/,
  },
}

async function prepare({ db }: TestDatabase): Promise<void> {
  await createSongs(db, 40_000)
  await db.query(sql`
    create table pairs as select i as id, i % 10 as a, i % 10 as b, i % 10 as c, i % 10 as d from generate_series(1, 50000) i;
    alter table pairs add primary key (id);
    create table unanalyzed with (autovacuum_enabled = false) as select i as id, repeat('x', 20) as t from generate_series(1, 20000) i;
    create table unvacuumed (id int primary key, t text) with (autovacuum_enabled = false);
    insert into unvacuumed select i, repeat('x', 20) from generate_series(1, 20000) i;
    create table padded as select i as id, i % 8 as kind, repeat('x', 400) as t from generate_series(1, 40000) i;
    create index on padded (kind);
    create table wide (id int, t text);
    alter table wide alter column t set storage plain;
    insert into wide select i, repeat(md5(i::text), 100) from generate_series(1, 2000) i;
    create table misjudged as select i as id, i as ref from generate_series(1, 5000) i;
    alter table misjudged alter column ref set (n_distinct = 5);
    create table parted (id int, t text) partition by range (id);
    create table skewed as select case when i < 10 then 7 else 1 end as kind, repeat('x', 30) as t from generate_series(1, 50000) i;
    create index on skewed (kind);
    create table busy (id int primary key, n int) with (autovacuum_enabled = false);
    create index on busy (n);
    insert into busy select i, i from generate_series(1, 1000) i;
    create table skipped as select i % 150 as a, lpad(i::text, 300, 'x') as b from generate_series(1, 30000) i;
    create index on skipped (a, b);
    create table parents (id int primary key);
    create table children (id int, parent_id int references parents);
    insert into parents select generate_series(1, 1000);
    insert into children select i, i % 20 + 1 from generate_series(1, 40000) i`)
  for (let index = 0; index < 10; index++) {
    await db.query(
      sql.raw(
        `create table parted_${index} partition of parted for values from (${index * 1000}) to (${(index + 1) * 1000})`,
      ),
    )
  }
  await db.query(sql`insert into parted select i, repeat('x', 30) from generate_series(0, 9999) i`)
  await db.query(sql`update busy set n = n + 1`)
  await flushStatistics(db)
  for (const name of [
    'pairs',
    'padded',
    'wide',
    'parted',
    'skewed',
    'busy',
    'skipped',
    'parents',
    'children',
    'unvacuumed',
    'misjudged',
  ]) {
    await db.query(sql`analyze ${sql.ident(name)}`)
  }
  await db.query(sql`vacuum (analyze) padded`)
}

describeOnEachVersion(
  'an insight',
  (version, database) => {
    const possible = Object.entries(cases).filter(([, { since = 15 }]) => since <= version)

    describe('speaks where it should, and is silent where all is well', () => {
      test.each(possible)('%s', async (rule, { speaks, silent, says, fix }) => {
        const { insights, drawn } = await insightsOf(database(), speaks, rule)
        const [found] = insights
        if (found === undefined) throw new Error(`Not a word of it:\n${drawn}`)
        expect(found.what).toMatch(says)
        if (fix !== undefined) expect(found.fix).toEqual(fix)
        // What lasts can be taken back, and both are carried out as they stand.
        const lasts = found.fix.some((statement) => /^(?:create index|alter table)/.test(statement))
        expect(found.undo.length > 0).toBe(lasts)
        if (lasts) for (const statement of [...found.fix, ...found.undo]) await database().db.query(sql.raw(statement))
        if (speaks.analyze !== false) expect(found.savesMs).toBeGreaterThanOrEqual(0)
        expect((await insightsOf(database(), silent, rule)).insights).toEqual([])
      })
    })

    // What depends on settings of the session may not stand in an index.
    test.each([`left(listener::date::text, 4) = '2024'`, `lower(listener::timestamptz::text) = 'x'`])(
      'function-in-predicate: no index that the server would refuse on %s',
      async (condition) => {
        const text = `select * from plays where ${condition}`
        const { insights } = await insightsOf(database(), { text, analyze: false }, 'function-in-predicate')
        expect(insights).toMatchObject([{ fix: [], undo: [] }])
      },
    )
  },
  prepare,
)

async function insightsOf(
  { url }: TestDatabase,
  situation: Situation,
  rule: string,
): Promise<{ readonly insights: readonly Insight[]; readonly drawn: string }> {
  const settings = { ...serial, ...situation.settings }
  const options = Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ')
  const pool = new pg.Pool({ connectionString: url, max: 1, options })
  try {
    const analyzer = new QueryPlanAnalyzer(pool)
    const plan = await analyzer.explainDetailed(situation.text, situation.params, {
      analyze: situation.analyze !== false,
    })
    return { insights: plan.insights.filter((one) => one.rule === rule), drawn: plan.toString() }
  } finally {
    await pool.end()
  }
}
