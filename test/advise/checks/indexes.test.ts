// Each check on indexes finds its situation and nothing beside it; what it says mends it, and what takes that back does.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import type { Finding, Limits, OtherNode } from '../../../src/advise/model.ts'
import { about, ask, everything, mendAndBack, run, script, subjects, type Asking } from './support.ts'

describeOnEachVersion('checks on indexes', (_version, database) => {
  test('duplicate-index: compares what the catalog knows, not how it is written', async () => {
    await script(
      database().db,
      `create schema "Twice";
      create table "Twice"."T" (a int, b text, c text, "D.e" int);
      create index one on "Twice"."T" (a, b);
      create index "Second, one" on "Twice"."T" (a, b);
      create index expression on "Twice"."T" (lower(b)) where a > 0;
      create index expression_again on "Twice"."T" (lower(b)) where a > 0;
      create unique index is_unique on "Twice"."T" ("D.e");
      create index not_unique on "Twice"."T" ("D.e");
      -- The same columns, and each another index.
      create index other_order on "Twice"."T" (a desc, b);
      create index other_class on "Twice"."T" (a, b text_pattern_ops);
      create index other_collation on "Twice"."T" (a, b collate "C");
      create index other_predicate on "Twice"."T" (a, b) where a > 1;
      create index included on "Twice"."T" (a) include (b);
      create index other_method on "Twice"."T" using hash (c);
      create index this_method on "Twice"."T" (c);
      create unique index twin_unique on "Twice"."T" (c, a);
      create unique index twin_unique_too on "Twice"."T" (c, a);`,
    )
    const findings = await ask(database().db, 'duplicate-index')
    expect(subjects(findings).toSorted()).toEqual([
      'index "Twice"."Second, one"',
      'index "Twice".expression_again',
      'index "Twice".not_unique',
    ])
    for (const { subject, evidence } of findings) {
      const found = await mendAndBack(database().db, 'duplicate-index', subject)
      const { rows } = await database().db.query<{ definition: string }>(
        sql`select pg_get_indexdef(indexrelid) as definition from pg_index where pg_get_indexdef(indexrelid) = ${String(evidence['definition'])}`,
      )
      expect(rows, found.undo.join('; ')).toHaveLength(1)
    }
  })

  test('duplicate-index: of a partitioned table as a whole', async () => {
    await script(
      database().db,
      `create table cut (a int, b int) partition by range (a);
      create table cut_1 partition of cut for values from (0) to (10);
      create index cut_b on cut (b);
      create index cut_b_again on cut (b);`,
    )
    const before = about(await ask(database().db, 'duplicate-index'), 'index public.cut_b_again')
    expect(before.fix).toEqual(['drop index "public"."cut_b_again"'])
    expect(before.advice).toContain('reads and writes of all of them wait behind it')
    await mendAndBack(database().db, 'duplicate-index', 'index public.cut_b_again')
    const { rows } = await database().db.query(
      sql`select from pg_index where indrelid in ('cut'::regclass, 'cut_1'::regclass) and indisvalid`,
    )
    expect(rows).toHaveLength(4)
  })

  test('prefix-redundant-index: the beginning of another, in the same order and with the same properties', async () => {
    await script(
      database().db,
      `create table begun (a int, b text, c int);
      create index begun_a on begun (a);
      create index begun_a_b on begun (a, b) include (c);
      create index begun_a_desc on begun (a desc);
      create index begun_b on begun (b);
      create unique index begun_unique on begun (b, c);
      create index begun_b_c on begun (b text_pattern_ops, a);
      create index begun_part on begun (a) where c > 0;
      create index begun_including on begun (a) include (b);`,
    )
    const limits = everything
    expect(await ask(database().db, 'prefix-redundant-index')).toEqual([])
    const own = (await ask(database().db, 'prefix-redundant-index', { limits })).filter(({ subject }) =>
      subject.includes('begun'),
    )
    expect(subjects(own).toSorted()).toEqual(['index public.begun_a', 'index public.begun_b'])
    await mendAndBack(database().db, 'prefix-redundant-index', 'index public.begun_a', { limits })
  })

  test('unused-index: never what a key, a constraint or a foreign key needs; replicas are asked', async () => {
    await script(
      database().db,
      `create table parent (id int primary key);
      create table used (id int primary key, parent_id int references parent, a int unique, b int, c int, d int);
      create index used_parent on used (parent_id, b);
      create index used_b on used (b);
      create index used_c on used (c) where c is not null;
      create unique index used_d on used (d);
      insert into parent values (1);
      insert into used select n, 1, n, n, n, n from generate_series(1, 500) n;
      analyze used;`,
    )
    await script(database().db, `set enable_seqscan = off; set enable_bitmapscan = off; select from used where b = 7;`)
    const limits = { warn: 30, critical: Infinity, least: 0, leastHours: 0 }
    expect(await ask(database().db, 'unused-index')).toEqual([])
    const own = async (others = {}): Promise<readonly string[]> =>
      subjects(await ask(database().db, 'unused-index', { limits, ...others })).filter((one) => one.includes('used'))
    expect(await own()).toEqual(['index public.used_c'])
    const { rows } = await database().db.query<{ oid: number }>(sql`select 'used_c'::regclass::int8::float8 as oid`)
    const oid = rows[0]?.oid ?? 0
    const replica = { name: 'replica-1', isReplica: true }
    const answers = async <Row extends object>(scans: number): Promise<readonly Row[]> =>
      await Promise.resolve([
        { oid, scans, days: 400, standbys: 0, isFed: true },
      ] as readonly unknown[] as readonly Row[])
    expect(await own({ others: [{ ...replica, ask: () => answers(1) }] })).toEqual([])
    expect(await own({ others: [{ ...replica, ask: () => answers(0) }] })).toEqual(['index public.used_c'])
    const silent = [{ ...replica, ask: () => Promise.reject(new Error('gone')) }]
    expect(
      about(await ask(database().db, 'unused-index', { limits, others: silent }), 'index public.used_c'),
    ).toMatchObject({ fix: [], evidence: { replicasSilent: 'replica-1' } })
    await mendAndBack(database().db, 'unused-index', 'index public.used_c', { limits })
  })

  test('unused-index: nothing is dropped before it was counted for a week, wherever it could be read', async () => {
    await script(
      database().db,
      `create table counted (a int); create index counted_a on counted (a); create index counted_lower on counted ((a + 1));
      insert into counted select generate_series(1, 100); analyze counted;`,
    )
    const limits = { warn: 30, critical: Infinity, least: 0 }
    const replica = (days: number): OtherNode => ({
      name: 'replica-1',
      isReplica: true,
      ask: async <Row extends object>() => {
        const { rows } = await database().db.query<{ oid: number }>(
          sql`select c.oid::int8::float8 as oid from pg_class c where relname = 'counted_a'`,
        )
        return rows.map((row) => ({
          ...row,
          scans: 0,
          days,
          standbys: 0,
          isFed: true,
        })) as readonly object[] as readonly Row[]
      },
    })
    const own = async (asking: Asking): Promise<Finding> =>
      about(await ask(database().db, 'unused-index', asking), 'index public.counted_a')
    // It is a test that has just begun: whatever the server says, it was not counted for a week.
    const young = await own({ limits })
    expect(young).toMatchObject({ gravity: 'note', fix: [], undo: [] })
    expect(young.advice).toMatch(/^Nothing has read it for 0\.0 days at the most: too short a time to drop it/)
    const unread = { ...limits, leastHours: 0 }
    expect((await own({ limits: unread })).fix).toEqual(['drop index concurrently "public"."counted_a"'])
    // The replica has counted for less, and it is that which counts.
    const less = await own({ limits: { ...unread, leastHours: -1 }, others: [replica(-1)] })
    expect(less).toMatchObject({ fix: [], evidence: { countedDays: -1, replicasAsked: 'replica-1' } })
    const expression = about(await ask(database().db, 'unused-index', { limits: unread }), 'index public.counted_lower')
    expect(expression.advice).toContain('statistics of its expression')
  })

  test('unused-index: what is counted for long enough may have been made since: nothing proves its age, nothing is dropped', async () => {
    await script(
      database().db,
      `create table dated (a int); insert into dated select generate_series(1, 100); analyze dated; create index dated_a on dated (a);`,
    )
    // A few microseconds, for which the table is proven to be counted.
    const limits = { warn: 0, critical: Infinity, least: 0, leastHours: 1e-9 }
    const found = about(await ask(database().db, 'unused-index', { limits }), 'index public.dated_a')
    expect(found).toMatchObject({ gravity: 'note', fix: [], undo: [] })
    expect(found.evidence).not.toHaveProperty('days')
    expect(found.evidence['countedDays']).toBeGreaterThan(0)
    expect(found.advice).toMatch(
      /^When it was made is not known: .* If it has been there for longer than 7 days, better a month: drop index concurrently "public"\."dated_a"$/,
    )
    await database().db.query(sql`drop table dated`)
  })

  test('of a table with very many partitions nothing that locks all of them is proposed', async () => {
    await script(
      database().db,
      `create table goal (id int primary key);
      create table parts (id int, goal_id int references goal) partition by list (id);
      do $$ begin for n in 1..201 loop execute format('create table parts_%s partition of parts for values in (%s)', n, n); end loop; end $$;`,
    )
    const found = about(
      await ask(database().db, 'foreign-key-index', { limits: everything }),
      'foreign key parts_goal_id_fkey of public.parts',
    )
    expect(found).toMatchObject({ fix: [], undo: [] })
    expect(found.advice).toContain('`pgstrata apply` then makes it on one partition after the other')
    await database().db.query(sql`drop table parts`)
  })

  test('foreign-key-index: an index that begins with its columns in any order, or leaves out nulls, will do', async () => {
    await script(
      database().db,
      `create table "To" (a int, b int, primary key (a, b));
      create table bare (a int, b int, c int, foreign key (a, b) references "To");
      create table other_order (a int, b int, c int, foreign key (a, b) references "To");
      create index on other_order (b, a, c);
      create table single (id int primary key);
      create table without_nulls (single_id int references single);
      create index on without_nulls (single_id) where single_id is not null;
      create table some_rows (single_id int references single, x int);
      create index on some_rows (single_id) where x > 0;
      create table second_place (single_id int references single, x int);
      create index on second_place (x, single_id);`,
    )
    expect(await ask(database().db, 'foreign-key-index')).toEqual([])
    const limits = everything
    const found = subjects(await ask(database().db, 'foreign-key-index', { limits }))
    expect(found.filter((one) => !one.includes('used')).toSorted()).toEqual([
      'foreign key bare_a_b_fkey of public.bare',
      'foreign key second_place_single_id_fkey of public.second_place',
      'foreign key some_rows_single_id_fkey of public.some_rows',
    ])
    await mendAndBack(database().db, 'foreign-key-index', 'foreign key bare_a_b_fkey of public.bare', { limits })
  })

  test('foreign-key-index: on a partitioned table it is made leaf by leaf, and ends valid', async () => {
    await script(
      database().db,
      `create table target (id int primary key);
      create table pieces (at int, "Target" int references target) partition by range (at);
      create table pieces_1 partition of pieces for values from (0) to (10);
      create table pieces_2 partition of pieces for values from (10) to (20) partition by list ("Target");
      create table pieces_2_1 partition of pieces_2 for values in (1);
      create table pieces_2_2 partition of pieces_2 default;
      create index "pieces_Target_idx" on target (id);`,
    )
    const subject = 'foreign key "pieces_Target_fkey" of public.pieces'
    const found = about(await ask(database().db, 'foreign-key-index', { limits: everything }), subject)
    expect(found.fix.filter((one) => one.startsWith('create index concurrently'))).toHaveLength(3)
    expect(found.advice).toContain('writers wait behind it')
    await mendAndBack(database().db, 'foreign-key-index', subject, { limits: everything })
    await run(database().db, found.fix)
    const { rows } = await database().db.query(
      sql`select from pg_index where indrelid in (select relid from pg_partition_tree('pieces')) and indisvalid`,
    )
    expect(rows).toHaveLength(5)
  })

  test('invalid-index: what an interrupted build left is built anew, or dropped', async () => {
    await script(
      database().db,
      `create table broken (a int); insert into broken values (1), (1); create index broken_a on broken (a);`,
    )
    expect(await ask(database().db, 'invalid-index')).toEqual([])
    await expect(
      database().db.query(sql`create unique index concurrently broken_unique on broken (a)`),
    ).rejects.toMatchObject({ code: '23505' })
    await script(
      database().db,
      `create index broken_a_ccnew on broken (a);
      update pg_index set indisvalid = false where indexrelid in ('broken_a_ccnew'::regclass, 'broken_a'::regclass)`,
    )
    expect(about(await ask(database().db, 'invalid-index'), 'index public.broken_unique').gravity).toBe('critical')
    await database().db.query(sql`delete from broken where ctid = '(0,1)'`)
    for (const index of ['broken_unique', 'broken_a', 'broken_a_ccnew'])
      await mendAndBack(database().db, 'invalid-index', `index public.${index}`)
    expect(await ask(database().db, 'invalid-index')).toEqual([])
  })

  test('many-indexes: counts them', async () => {
    await script(database().db, `create table many (${Array.from({ length: 11 }, (_, n) => `c${n} int`).join(', ')})`)
    for (let n = 0; n < 10; n += 1) await database().db.query(sql.raw(`create index on many (c${n})`))
    expect(subjects(await ask(database().db, 'many-indexes'))).not.toContain('table public.many')
    await database().db.query(sql`create index on many (c10)`)
    expect(about(await ask(database().db, 'many-indexes'), 'table public.many').evidence['indexes']).toBe(11)
  })

  test('array-btree, boolean-index and mostly-null-index: a better one takes its place', async () => {
    await script(
      database().db,
      `create table odd (id int primary key, tags text[], sorted text[], "Done" boolean, half boolean, seldom int, often int);
      insert into odd select n, array['a', 'b'], array[n::text], n % 100 = 0, n % 2 = 0, case when n % 10 = 0 then n end, n
      from generate_series(1, 2000) n;
      create index odd_tags on odd (tags);
      create index odd_sorted on odd (sorted);
      create index odd_done on odd ("Done");
      create index odd_half on odd (half);
      create index odd_seldom on odd (seldom);
      create index odd_often on odd (often);
      analyze odd;`,
    )
    const limits = everything
    // What is read compares whole arrays, and is let be.
    await script(database().db, `set enable_seqscan = off; select from odd where sorted = array['7'];`)
    expect(subjects(await ask(database().db, 'array-btree'))).toEqual(['index public.odd_tags'])
    expect(about(await ask(database().db, 'array-btree'), 'index public.odd_tags').fix).toEqual([
      'create index concurrently "odd_tags_gin_idx" on "public"."odd" using gin ("tags")',
    ])
    expect(await ask(database().db, 'boolean-index')).toEqual([])
    expect(await ask(database().db, 'mostly-null-index')).toEqual([])
    await mendAndBack(database().db, 'array-btree', 'index public.odd_tags', { limits })
    const done = await mendAndBack(database().db, 'boolean-index', 'index public.odd_done', { limits })
    expect(done.fix[0]).toBe('create index concurrently "odd_Done_true_idx" on "public"."odd" ("Done") where "Done"')
    expect((await mendAndBack(database().db, 'boolean-index', 'index public.odd_half', { limits })).fix).toHaveLength(1)
    const half = { warn: 0.5, critical: Infinity, least: 0, leastHours: 0 }
    expect(subjects(await ask(database().db, 'mostly-null-index', { limits: half }))).toEqual([
      'index public.odd_seldom',
    ])
    await mendAndBack(database().db, 'mostly-null-index', 'index public.odd_seldom', { limits: half })
  })

  test('array-btree, boolean-index and mostly-null-index: what is read, or there already, is not done away with', async () => {
    await script(
      database().db,
      `create table read (id int primary key, tags text[], done boolean, seldom int);
      insert into read select n, array['a', 'b'], n % 100 = 0, case when n % 10 = 0 then n end from generate_series(1, 2000) n;
      create index read_tags on read (tags);
      create index read_gin on read using gin (tags);
      create index read_done on read (done);
      create index read_seldom on read (seldom);
      analyze read;`,
    )
    const small = { warn: 0.5, critical: Infinity, least: 0 }
    const of = async (check: string, index: string, limits: Limits = small): Promise<Finding> =>
      about(await ask(database().db, check, { limits }), `index public.${index}`)
    expect((await of('array-btree', 'read_tags', everything)).fix).toEqual([
      'drop index concurrently "public"."read_tags"',
    ])
    await script(
      database().db,
      `set enable_seqscan = off; select from read where done; select from read where seldom is null and id > 0 order by seldom;`,
    )
    for (const [check, index] of [
      ['boolean-index', 'read_done'],
      ['mostly-null-index', 'read_seldom'],
    ] as const) {
      const found = await of(check, index)
      expect(found.fix, check).toEqual([expect.stringMatching(/^create index concurrently /)])
      await run(database().db, found.fix)
      // The better one is there: nothing is made twice, and what is still read stays.
      expect((await of(check, index)).fix, check).toEqual([])
      await run(database().db, found.undo)
    }
  })
})
