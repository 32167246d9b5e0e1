// The jobs that go through everything: what they do, what they only tell, and what they give back.

import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { optimizeJob } from '../../src/maintain/jobs/optimize.ts'
import { checklists, reviewJobs } from '../../src/maintain/jobs/review.ts'
import { securityJob } from '../../src/maintain/jobs/security.ts'
import type { Reviewed, Reviewer } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { daemon, install } from './support.ts'

const nothing: Reviewer = async () => []

const reviewed = (check: string, findings: Reviewed['findings'] = [], unavailable?: string): Reviewed => ({
  check,
  question: `What of ${check}?`,
  unavailable,
  findings,
})

async function untilDead(db: Db, table: string, rows: number): Promise<void> {
  await waitUntil(
    async () =>
      (await db.query(sql`select from pg_stat_user_tables where relname = ${table} and n_dead_tup >= ${rows}`)).rows
        .length > 0,
    { what: `dead rows of ${table}` },
  )
}

/** A session of an application, which is left in a transaction. */
async function idleSession(
  url: string,
  name: string,
): Promise<{ readonly client: pg.Client; readonly ended: Promise<unknown> }> {
  const client = new pg.Client({ connectionString: url, application_name: name })
  await client.connect()
  const ended = new Promise((resolve) => client.on('error', resolve))
  onTestFinished(() => client.end().catch(() => undefined))
  await client.query('begin; select 1')
  return { client, ended }
}

describeOnEachVersion(
  'jobs that go through everything',
  (_version, database) => {
    test('optimize: vacuums what passed the mark, leaves the rest, and tells of indexes without touching them', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table "Dead" (n int) with (autovacuum_enabled = false);
        create table patient (n int) with (autovacuum_enabled = false, autovacuum_vacuum_threshold = 100000);
        create table held (n int) with (autovacuum_enabled = false);
        insert into "Dead" select generate_series(1, 2000);
        insert into patient select generate_series(1, 2000);
        insert into held select generate_series(1, 2000);
        delete from "Dead";
        delete from patient;
        delete from held`)
      for (const table of ['Dead', 'patient', 'held']) await untilDead(db, table, 2_000)
      const holder = new pg.Client({ connectionString: url })
      await holder.connect()
      onTestFinished(() => holder.end())
      await holder.query('begin; lock table held in share update exclusive mode')
      const asked: string[] = []
      const jobs = daemon(url, [
        optimizeJob(async (checks) => {
          asked.push(...checks)
          return [
            reviewed('unused-index', [
              {
                gravity: 'note',
                subject: 'index public.a',
                what: 'unused',
                fix: ['drop index a'],
                advice: 'It waits.',
              },
            ]),
            reviewed('missing-index', [], 'not available because it is a test'),
          ]
        }),
      ])
      const report = await jobs.runNow('optimize')
      expect(report).toMatchObject({ state: 'done' })
      expect(report.did).toContain('1 table vacuumed')
      expect(report.warnings).toContainEqual(expect.stringMatching(/^"public"\."held" has \d+ dead rows and could not/))
      const [run] = await jobs.history('optimize')
      expect(run?.details).toMatchObject({
        vacuumed: ['"public"."Dead"'],
        missing: [],
        duplicate: [],
        unused: [{ subject: 'index public.a', what: 'unused', fix: ['drop index a'], advice: 'It waits.' }],
        notAsked: [{ check: 'missing-index', why: 'not available because it is a test' }],
      })
      expect(asked).toContain('duplicate-index')

      await holder.query('rollback')
      expect(await jobs.runNow('optimize')).toMatchObject({ warnings: [] })
      expect((await jobs.history('optimize'))[0]?.details['vacuumed']).toEqual(['"public"."held"'])
      expect((await jobs.runNow('optimize')).did).not.toContain('vacuumed')
    })

    test('security: ends sessions that are idle in a transaction for longer than was declared, and no others', async () => {
      const { url, db } = database()
      const long = await idleSession(url, 'forgetful')
      await daemon(url, [securityJob({ endIdleMs: 3_600_000 })]).runNow('security')
      expect(await openSessions(db, 'forgetful')).toBe(1)
      const patient = await idleSession(url, 'patient')
      const jobs = daemon(url, [securityJob({ endIdleMs: 5_000 })])
      await waitUntil(async () => (await idleFor(db, 'forgetful')) > 5_000, {
        what: 'a session over the limit',
        timeoutMs: 30_000,
      })
      await patient.client.query('select 1')
      const report = await jobs.runNow('security')
      expect(report.did).toContain('1 idle session ended')
      // It sits in a transaction as well, and not for long.
      expect(await openSessions(db, 'patient')).toBe(1)
      await long.ended
      expect(await openSessions(db, 'forgetful')).toBe(0)
      expect((await jobs.history('security'))[0]?.details['ended']).toEqual([
        expect.objectContaining({ application: 'forgetful' }),
      ])
    })

    test('security: tells what changed of roles and settings since the last time, and nothing the first time', async () => {
      const { db, url } = database()
      const jobs = daemon(url, [securityJob({ endIdleMs: undefined })])
      await db.query(sql`delete from pgstrata.job_run where job = 'security'`)
      const role = `audited_${new URL(url).pathname.slice(1)}`
      const named = (report: { readonly warnings: readonly string[] }): string[] =>
        report.warnings.filter((warning) => warning.includes(role))
      expect(named(await jobs.runNow('security'))).toEqual([])
      expect((await jobs.history('security'))[0]?.details).toMatchObject({ isFirst: true, changes: [] })
      await db.query(sql`create role ${sql.ident(role)}`)
      onTestFinished(() => void db.query(sql`drop role if exists ${sql.ident(role)}`).catch(() => undefined))
      expect(named(await jobs.runNow('security'))).toEqual([`role ${role} is new: nothing beyond the ordinary`])
      await db.query(sql`alter role ${sql.ident(role)} createrole login valid until '2020-01-01'`)
      expect(named(await jobs.runNow('security'))).toEqual([
        `role ${role} was nothing beyond the ordinary and is login, createrole`,
        `role ${role} may log in and its password's date is past`,
      ])
      await db.query(sql`drop role ${sql.ident(role)}`)
      expect(named(await jobs.runNow('security'))).toEqual([`role ${role} is gone; it was login, createrole`])
      expect(named(await jobs.runNow('security'))).toEqual([])
    })

    test('reviews: say of each question whether all is well, what was found, or why it was not asked', async () => {
      const { url } = database()
      const jobs = daemon(
        url,
        reviewJobs(
          async (checks) =>
            checks.map((check, index) =>
              index === 0
                ? reviewed(check, [{ gravity: 'critical', subject: 'view v', what: 'view v is a day old', fix: [] }])
                : reviewed(check, [], index === 1 ? 'not available because of a test' : undefined),
            ),
          'UTC',
        ),
      )
      for (const { name, checks } of checklists) {
        const report = await jobs.runNow(name)
        expect(report).toMatchObject({ state: 'done', warnings: ['view v is a day old'] })
        expect(report.did).toBe(`${checks.length - 1} questions asked, 1 finding, 1 could not be asked`)
        const [run] = await jobs.history(name)
        expect(run?.details['report']).toHaveLength(checks.length)
        expect(run?.details['report']).toMatchObject(
          [
            { ok: false, findings: [{ subject: 'view v' }] },
            { ok: false, notAsked: 'not available because of a test' },
            { ok: true },
          ].concat(Array.from({ length: checks.length - 3 }, () => ({ ok: true }) as never)),
        )
      }
      expect((await daemon(url, reviewJobs(nothing, 'UTC')).runNow('review-daily')).did).toBe(
        '0 questions asked, nothing found',
      )
    })
  },
  install,
)

async function idleFor(db: Db, name: string): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(sql`
    select (extract(epoch from clock_timestamp() - state_change) * 1000)::float8 as ms
    from pg_stat_activity
    where application_name = ${name}`)
  return rows[0]?.ms ?? 0
}

async function openSessions(db: Db, name: string): Promise<number> {
  return (await db.query(sql`select from pg_stat_activity where application_name = ${name}`)).rows.length
}
