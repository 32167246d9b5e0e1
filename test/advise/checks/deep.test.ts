// All checks together: on a new database each is asked and none fails; what cannot be asked says why and keeps nothing from being
// asked; a server that is gone is part of the answer.

import { expect, test } from 'vitest'
import { checks, readFindings, type AdviseNode, type Check, type NodeFinding } from '../../../src/advise/index.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, type TestDatabase } from '../../support/postgres.ts'

const primary = ({ db }: TestDatabase): AdviseNode => ({ name: 'primary', db, isReplica: false })

describeOnEachVersion('doctor --deep', (version, database) => {
  test('every check is asked or says why not, and none fails', async () => {
    await database().db.query(sql`create extension pg_stat_statements`)
    const report = await readFindings({ nodes: [primary(database())], clock: systemClock })
    const byDesign = ['disk-used', ...(version < 16 ? ['new-page-updates'] : [])]
    expect(report.notAsked.filter(({ check }) => !byDesign.includes(check))).toEqual([])
    expect(report.notAsked.map(({ check }) => check).toSorted()).toEqual(byDesign.toSorted())
    expect(report.silent).toEqual([])
    expect(report.score.value).toBeGreaterThanOrEqual(0)
  })

  test('a check that fails, hangs or is not allowed says why, and the next is asked', async () => {
    const [any] = checks
    if (any === undefined) throw new Error('There are no checks')
    const asking = (name: string, statement: string): Check => ({
      ...any,
      name,
      unavailable: () => undefined,
      run: async ({ on }) => {
        await on.query(sql.raw(statement))
        return []
      },
    })
    const role = `asker_${database().name}`
    await database().db.query(sql`create role ${sql.ident(role)} login password 'x'`)
    const url = Object.assign(new URL(database().url), { username: role, password: 'x' }).href
    const db = openDb({ url, max: 1 })
    try {
      const report = await readFindings({
        nodes: [{ name: 'primary', db, isReplica: false }],
        clock: systemClock,
        checks: [
          asking('writes', 'create table public.written (a int)'),
          asking('broken', 'select 1 / 0'),
          asking('hangs', 'select pg_sleep(30)'),
          asking('not-allowed', 'select from pg_authid'),
          asking('works', 'select 1'),
        ],
      })
      expect(report.notAsked.map(({ check, why }) => [check, why.replace(/\(.*\)/, '(…)')])).toEqual([
        ['writes', 'not available because it failed: cannot execute CREATE TABLE in a read-only transaction'],
        ['broken', 'not available because it failed: division by zero'],
        ['hangs', 'not available because it took longer than 5.0 s'],
        ['not-allowed', 'not available because the role may not (…): grant pg_monitor to it'],
      ])
      expect(report.score.value).toBe(100)
    } finally {
      await db.close()
      await database().db.query(sql`drop role ${sql.ident(role)}`)
    }
  })

  test('a lost connection ends the asking of that server, and is said', async () => {
    const [any] = checks
    if (any === undefined) throw new Error('There are no checks')
    const db = openDb({ url: database().url, max: 1 })
    const lost: Check = {
      ...any,
      name: 'lost',
      run: async ({ on }) => {
        await on.query(sql`select pg_terminate_backend(pg_backend_pid())`)
        return []
      },
    }
    const report = await readFindings({
      nodes: [
        { name: 'dying', db, isReplica: false },
        { name: 'gone', db: openDb({ url: 'postgres://nobody@127.0.0.1:1/none' }), isReplica: true },
        primary(database()),
      ],
      clock: systemClock,
      checks: [lost, { ...any, name: 'next' }],
    })
    await db.close()
    expect(report.notAsked.filter(({ node }) => node === 'dying').map(({ check }) => check)).toEqual(['lost', 'next'])
    expect(report.silent.map(({ node }) => node)).toContain('gone')
  })

  test('what an ordinary role may not see is said, and nothing else fails', async () => {
    const role = `plain_${database().name}`
    await database().db.query(sql`create role ${sql.ident(role)} login password 'x'`)
    const url = Object.assign(new URL(database().url), { username: role, password: 'x' }).href
    const db = openDb({ url, max: 1 })
    try {
      const { notAsked } = await readFindings({
        nodes: [{ name: 'primary', db, isReplica: false }],
        clock: systemClock,
      })
      expect(notAsked.filter(({ why }) => why.includes('it failed'))).toEqual([])
      // Of none of them silence is taken for all being well.
      for (const name of ['standby-missing', 'replica-lag', 'connections-used', 'idle-in-transaction', 'xmin-horizon'])
        expect(notAsked.map(({ check }) => check)).toContain(name)
    } finally {
      await db.close()
      await database().db.query(sql`drop role ${sql.ident(role)}`)
    }
  })

  test('of many findings the worst are named, and the others counted', async () => {
    await database().db.query(
      sql`do $$ begin for n in 1..30 loop execute format('create table crowd_%s (a int)', n); end loop; end $$`,
    )
    const check = checks.filter(({ name }) => name === 'no-primary-key')
    const { findings } = await readFindings({ nodes: [primary(database())], clock: systemClock, checks: check })
    expect(findings).toHaveLength(20)
    expect(findings.at(-1)?.evidence['andMore']).toBe(10)
  })

  test('what `watch` stored of the last day is judged, and not the sum of all times', async () => {
    const { db } = database()
    const judged = async (): Promise<readonly NodeFinding[]> => {
      const { findings } = await readFindings({
        nodes: [primary(database())],
        clock: systemClock,
        checks: checks.filter(({ name }) => name === 'checkpoints-requested'),
        limits: { 'checkpoints-requested': { warn: 0.2, critical: 0.8, least: 20 } },
      })
      return findings
    }
    await db.query(sql`
      create schema pgstrata;
      create table pgstrata.watch_metric (at timestamptz, node text, metric text, labels text, value float8);
      create function pg_temp.minutes(n int, metric text, labels text, each float8) returns void language sql as
        $$insert into pgstrata.watch_metric select now() - i * interval '1 min', 'primary', metric, labels, each from generate_series(1, n) i$$;
      select pg_temp.minutes(30, 'pgstrata_transactions_total', '["commit"]', 10),
        pg_temp.minutes(30, 'pgstrata_checkpoints_total', '["requested"]', 1),
        pg_temp.minutes(30, 'pgstrata_wal_bytes_total', '[]', 2e9)`)
    // Half an hour is too short.
    expect(await judged()).toEqual([])
    await db.query(sql`
      insert into pgstrata.watch_metric select at - interval '1 hour', node, metric, labels, value from pgstrata.watch_metric;
      insert into pgstrata.watch_metric select at - interval '3 days', node, metric, '["timed"]', 1e6 from pgstrata.watch_metric
        where metric = 'pgstrata_checkpoints_total'`)
    const [found] = await judged()
    // 60 readings of a minute each, in two halves: the first after the hole may be of three minutes. 60 of 60 before their time.
    expect(found).toMatchObject({
      gravity: 'critical',
      evidence: {
        requested: 60,
        timed: 0,
        hours: expect.closeTo(62 / 60, 9),
        walBytesPerHour: expect.closeTo((60 * 2e9 * 60) / 62, 0),
      },
      fix: [`alter system set max_wal_size = '22016MB'`, 'select pg_reload_conf()'],
    })
    // Asked every ten minutes, what ten minutes wrote is what ten minutes wrote: 24 GB in two hours.
    await db.query(sql`
      truncate pgstrata.watch_metric;
      insert into pgstrata.watch_metric
      select now() - i * interval '10 min', 'primary', m.metric, m.labels, m.each
      from generate_series(1, 12) i
      cross join (values ('pgstrata_transactions_total', '["commit"]', 10), ('pgstrata_transactions_total', '["rollback"]', 1),
        ('pgstrata_checkpoints_total', '["requested"]', 2), ('pgstrata_wal_bytes_total', '[]', 2e9)) m (metric, labels, each)`)
    expect((await judged())[0]?.evidence).toMatchObject({
      requested: 24,
      hours: expect.closeTo(2, 9),
      walBytesPerHour: expect.closeTo(1.2e10, 0),
    })
    await db.query(sql`drop schema pgstrata cascade`)
  })

  test('disk-used: what serve measured of late, and nothing older', async () => {
    const { db } = database()
    await db.query(sql`
      create schema pgstrata;
      create table pgstrata.watch_metric (at timestamptz, node text, metric text, labels text, value float8);
      insert into pgstrata.watch_metric values (now() - interval '2 hours', 'primary', 'pgstrata_disk_used_ratio', '[]', 0.99)`)
    const asked = async (): Promise<readonly string[]> => {
      const report = await readFindings({
        nodes: [primary(database())],
        clock: systemClock,
        checks: checks.filter(({ name }) => name === 'disk-used'),
      })
      return [...report.findings.map(({ what }) => what), ...report.notAsked.map(({ why }) => why)]
    }
    expect(await asked()).toEqual([expect.stringContaining('not available because only')])
    const measure = (value: number): Promise<unknown> =>
      db.query(
        sql`insert into pgstrata.watch_metric values (now(), 'primary', 'pgstrata_disk_used_ratio', '[]', ${value})`,
      )
    await measure(0.5)
    expect(await asked()).toEqual([])
    await measure(0.91)
    expect(await asked()).toEqual(['The disk of primary is 91 % full'])
  })
})
