// Each of the eight steps finds its situation, and says so with evidence; in its absence it says that it is not the cause; and what
// cannot be asked is not known, never well.

import { describe, expect, test } from 'vitest'
import { findWhySlow, slowSteps, type SlowReportStep, type WhySlowOptions } from '../../../src/advise/index.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, type TestDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { script } from '../checks/support.ts'

type Given = Omit<WhySlowOptions, 'nodes'>

async function stepOf({ db }: TestDatabase, name: string, given: Given = {}): Promise<SlowReportStep> {
  const wanted = slowSteps.filter((one) => one.name === name)
  const {
    steps: [step],
  } = await findWhySlow({ nodes: [{ name: 'primary', db, isReplica: false }], steps: wanted, ...given })
  if (step === undefined) throw new Error(`There is no step "${name}"`)
  return step
}

const off = 'with (autovacuum_enabled = false)'

describeOnEachVersion('why slow', (_version, database) => {
  test('on a database with nothing in it no step is a likely cause, and all eight are taken in order', async () => {
    await database().db.query(sql`create extension pg_stat_statements`)
    const { steps, likely } = await findWhySlow({
      nodes: [{ name: 'primary', db: database().db, isReplica: false }],
      readInsights: () => Promise.resolve([]),
    })
    expect(steps.map(({ step, name, verdict }) => [step, name, verdict])).toEqual([
      [1, 'view-freshness', 'not'],
      [2, 'slow-queries', 'not'],
      [3, 'cache-hits', 'not'],
      [4, 'missing-indexes', 'not'],
      [5, 'query-plans', 'not'],
      [6, 'saturation', 'not'],
      [7, 'bloat', 'not'],
      [8, 'partition-candidates', 'not'],
    ])
    expect(likely).toEqual([])
  })

  test('1: a view that is late or failed; one that nobody declared is not known', async () => {
    await database().db.query(sql`create materialized view shown as select 1 as a`)
    expect(await stepOf(database(), 'view-freshness')).toMatchObject({ verdict: 'unknown' })
    const view = { name: 'shown', schema: 'public', staleMs: 7_200_000, lateMs: 0, lastError: null }
    const read = (more: object): Given => ({ readViews: () => Promise.resolve([{ ...view, ...more }]) })
    expect(await stepOf(database(), 'view-freshness', read({}))).toMatchObject({ verdict: 'not' })
    expect(await stepOf(database(), 'view-freshness', read({ lateMs: 3_600_000 }))).toMatchObject({
      verdict: 'likely',
      found: 'View public.shown is 2 h 0 min old',
    })
    expect((await stepOf(database(), 'view-freshness', read({ lastError: 'it failed' }))).found).toContain('failed')
    expect(
      await stepOf(database(), 'view-freshness', { readViews: () => Promise.reject(new Error('no such table')) }),
    ).toMatchObject({ verdict: 'unknown', found: 'Not known because it failed: views: no such table' })
  })

  test('2: a statement that is slow and runs often; one that runs now', async () => {
    await script(
      database().db,
      `set pg_stat_statements.track = 'all';
      do $$ begin for n in 1..5 loop perform pg_sleep(0.005) from pg_am where amname = 'heap'; end loop; end $$;`,
    )
    const limits = { 'slow-statements': { warn: 4, critical: 500, least: 5 } }
    expect(await stepOf(database(), 'slow-queries')).toMatchObject({ verdict: 'not' })
    const step = await stepOf(database(), 'slow-queries', { limits })
    expect(step).toMatchObject({ verdict: 'likely', evidence: { calls: 5 } })
    expect(step.next[0]).toMatch(/^pgstrata explain (-- )?-?\d+ shows/)
    const db = openDb({ url: database().url, max: 1 })
    const asleep = db.query(sql`select pg_sleep(60)`).catch(() => 'cancelled')
    try {
      const now = { 'slow-queries': { warn: 0, critical: 60, least: 0 } }
      await waitUntil(async () => (await stepOf(database(), 'slow-queries', { limits: now })).verdict === 'likely', {
        what: 'a statement runs',
      })
    } finally {
      await db.close({ now: true })
      await asleep
    }
  })

  test('3: blocks that are not found in memory', async () => {
    const limits = { 'buffer-hit': { warn: 0, critical: 2, least: 0 } }
    expect(await stepOf(database(), 'cache-hits', { limits })).toMatchObject({ verdict: 'likely' })
  })

  test('4: a table that is read from end to end, and what would serve the statements that do so', async () => {
    await script(
      database().db,
      `create table read_whole (id int) ${off}; insert into read_whole select generate_series(1, 500);`,
    )
    await script(
      database().db,
      `do $$ begin for n in 1..60 loop perform from read_whole where id = n; end loop; end $$;`,
    )
    expect(await stepOf(database(), 'missing-indexes')).toMatchObject({ verdict: 'not' })
    const limits = {
      'missing-index': { warn: 0.1, critical: 2, least: 400 },
      'slow-statements': { warn: 4, critical: 500, least: 5 },
    }
    const given: Given = {
      limits,
      suggestIndexes: () => Promise.resolve(['create index concurrently on read_whole (id)']),
    }
    const step = await stepOf(database(), 'missing-indexes', given)
    expect(step).toMatchObject({ verdict: 'likely', evidence: { scans: 60, rowsPerScan: 500 } })
    expect(step.found).toContain('public.read_whole was read from end to end 60 times')
    expect(step.next[0]).toBe('create index concurrently on read_whole (id)')
    await script(database().db, `create index on read_whole (id)`)
    await database().db.query(sql`select pg_stat_reset()`)
    await script(database().db, `set enable_seqscan = off; select from read_whole where id = 7;`)
    expect(await stepOf(database(), 'missing-indexes', { limits })).toMatchObject({ verdict: 'not' })
  })

  test('5: plans that say something, and tables the planner does not know', async () => {
    const limits = { 'slow-statements': { warn: 4, critical: 500, least: 5 } }
    expect(await stepOf(database(), 'query-plans', { limits })).toMatchObject({
      verdict: 'unknown',
      found: 'no plans were looked at',
    })
    const told: Given = { limits, readInsights: () => Promise.resolve(['it reads the whole table']) }
    const step = await stepOf(database(), 'query-plans', told)
    expect(step.verdict).toBe('likely')
    expect(step.found).toMatch(/^statement -?\d+: it reads the whole table$/)
    const fails: Given = { limits, readInsights: () => Promise.reject(new Error('no text')) }
    expect(await stepOf(database(), 'query-plans', fails)).toMatchObject({ verdict: 'unknown' })
    const strange = { 'never-analysed': { warn: 0, critical: Infinity, least: 100 } }
    await script(
      database().db,
      `create table strange (id int) ${off}; insert into strange select generate_series(1, 500);`,
    )
    expect(await stepOf(database(), 'query-plans', { limits: strange })).toMatchObject({ verdict: 'likely' })
  })

  test('6: a session that others wait for, and a pool of an application that is full', async () => {
    const db = openDb({ url: database().url, max: 2 })
    const limits = { 'blocked-sessions': { warn: 0, critical: 60, least: 0 } }
    await database().db.query(sql`create table wanted (id int)`)
    await db.withSession(async (holder) => {
      await holder.query(sql`begin`)
      await holder.query(sql`lock table wanted`)
      const waiting = db.query(sql`select from wanted`)
      // Of the server: other databases of it have sessions of their own.
      const step = await waitUntil(
        async () => {
          const asked = await stepOf(database(), 'saturation', { limits })
          const isSeen = Number(asked.evidence['onLock']) > 0 && Number(asked.evidence['blocked']) > 0
          return isSeen && asked.next.includes(`select pg_terminate_backend(${holder.pid})`) && asked
        },
        { what: 'that it is seen', timeoutMs: 30_000 },
      )
      expect(step.verdict).toBe('likely')
      await holder.query(sql`rollback`)
      await waiting
    })
    await db.close()
    await script(
      database().db,
      `create schema pgstrata;
      create table pgstrata.watch_metric (at timestamptz, node text, metric text, labels text, value float8);
      insert into pgstrata.watch_metric values (now() - interval '1 hour', 'app', 'pgstrata_pool_used_ratio', '["1"]', 1);`,
    )
    expect(await stepOf(database(), 'saturation')).toMatchObject({ verdict: 'not' })
    await script(
      database().db,
      `insert into pgstrata.watch_metric values (now(), 'app', 'pgstrata_pool_used_ratio', '["1"]', 0.95)`,
    )
    expect(await stepOf(database(), 'saturation')).toMatchObject({
      verdict: 'likely',
      found: 'A pool of the applications is 95 % in use',
    })
  })

  test('7: dead rows', async () => {
    await script(database().db, `create table dying (id int) ${off}; insert into dying select generate_series(1, 500);`)
    await script(database().db, `delete from dying where id > 100`)
    const limits = { 'dead-rows': { warn: 0.2, critical: 0.9, least: 100 } }
    expect(await stepOf(database(), 'bloat')).toMatchObject({ verdict: 'not' })
    expect(await stepOf(database(), 'bloat', { limits })).toMatchObject({
      verdict: 'likely',
      found: '80 % of the rows of public.dying are dead',
      next: ['vacuum (analyze) "public"."dying"'],
    })
  })

  test('8: a large table that only grows, in the order of a time', async () => {
    await script(
      database().db,
      `create table events (id int, at timestamptz not null) ${off};
      insert into events select n, timestamptz '2026-01-01' + n * interval '1 minute' from generate_series(1, 2000) n;
      create table changed (id int, at timestamptz not null) ${off};
      insert into changed select id, at from events;`,
    )
    await script(database().db, `update changed set id = id + 1; analyze events; analyze changed;`)
    const limits = { 'partition-candidates': { warn: 1, critical: 1e12, least: 0 } }
    expect(await stepOf(database(), 'partition-candidates')).toMatchObject({ verdict: 'not' })
    const step = await stepOf(database(), 'partition-candidates', { limits })
    expect(step).toMatchObject({
      verdict: 'likely',
      found: 'public.events only grows, in the order of at',
      evidence: { candidates: 1, insertedRatio: 1, correlation: 1 },
    })
  })

  test('likely causes are in the order of suspicion', async () => {
    const { steps, likely } = await findWhySlow({
      nodes: [{ name: 'primary', db: database().db, isReplica: false }],
      limits: {
        'buffer-hit': { warn: 0, critical: 0, least: 0 },
        'dead-rows': { warn: 0.2, critical: 0.9, least: 100 },
      },
    })
    const suspicion = likely.map((name) => steps.find((step) => step.name === name)?.suspicion ?? -1)
    expect(likely.length).toBeGreaterThanOrEqual(3)
    expect(suspicion).toEqual(suspicion.toSorted((left, right) => right - left))
  })
})

describe('without a primary', () => {
  test('there is nothing to ask', async () => {
    await expect(findWhySlow({ nodes: [] })).rejects.toThrow('Without a primary')
  })
})
