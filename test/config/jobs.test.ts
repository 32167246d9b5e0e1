import { describe, expect, test } from 'vitest'
import { defineConfig, resolveConfig } from '../../src/config/index.ts'
import { assembleJobs } from '../../src/maintain/index.ts'

const database = { primary: 'postgres://app@db.example/app' }
const resolve = (jobs: unknown): ReturnType<typeof resolveConfig>['jobs'] =>
  resolveConfig({ database, jobs }, { root: '/project', name: 'pgstrata.config.ts' }).jobs

describe('jobs in a configuration', () => {
  test('are complete and in milliseconds once resolved', () => {
    expect(resolve(undefined)).toEqual({
      zone: 'UTC',
      leaseMs: 30_000,
      historyMs: 30 * 86_400_000,
      endIdleMs: undefined,
      builtIn: {},
      own: [],
    })
    const run = async (): Promise<void> => undefined
    const config = defineConfig({
      database,
      jobs: {
        zone: 'Europe/Berlin',
        lease: '10s',
        endIdleInTransaction: '1 hour',
        builtIn: { partitions: '1 min', freeze: { cron: '0 3 * * *' }, reindex: false },
        own: {
          digest: {
            cron: '0 6 * * mon',
            zone: 'UTC',
            timeout: '1 min',
            overlap: 'queue',
            sql: ['select 1', 'select 2'],
          },
          ping: { every: '10s', run },
        },
      },
    })
    expect(resolve(config.jobs)).toEqual({
      zone: 'Europe/Berlin',
      leaseMs: 10_000,
      historyMs: 30 * 86_400_000,
      endIdleMs: 3_600_000,
      builtIn: {
        partitions: { everyMs: 60_000 },
        freeze: { cron: '0 3 * * *', zone: 'Europe/Berlin' },
        reindex: false,
      },
      own: [
        {
          name: 'digest',
          schedule: { cron: '0 6 * * mon', zone: 'UTC' },
          timeoutMs: 60_000,
          overlap: 'queue',
          work: { sql: ['select 1', 'select 2'] },
        },
        { name: 'ping', schedule: { everyMs: 10_000 }, timeoutMs: 600_000, overlap: 'skip', work: { run } },
      ],
    })
  })

  test.each([
    [{ own: { a: { sql: 'select 1' } } }, 'jobs.own.a.every: expected `every` or `cron`, got neither'],
    [
      { own: { a: { every: '1s', cron: '* * * * *', sql: 'x' } } },
      'jobs.own.a.cron: expected `every` or `cron`, got both',
    ],
    [{ own: { a: { every: '10ms', sql: 'x' } } }, /^jobs\.own\.a\.every: .*at least 1\.0 s, got 10 ms/],
    [{ own: { a: { every: 'soon', sql: 'x' } } }, /^jobs\.own\.a\.every: Not a quantity/],
    [{ own: { a: { cron: '61 * * * *', sql: 'x' } } }, /^jobs\.own\.a\.cron: .*Invalid value for minute: 61/],
    [{ own: { a: { every: '1s', zone: 'UTC', sql: 'x' } } }, 'jobs.own.a.zone: means something only with `cron`'],
    [{ own: { a: { every: '1s' } } }, 'jobs.own.a.sql: expected `sql` or `run`, got neither'],
    [{ own: { a: { every: '1s', run: 3 } } }, 'jobs.own.a.run: expected a function, got number'],
    [
      { own: { a: { every: '1s', sql: 'x', run: () => undefined } } },
      'jobs.own.a.run: expected `sql` or `run`, got both',
    ],
    [{ own: { analyze: { every: '1s', sql: 'x' } } }, /^jobs\.own\.analyze: .* not one of a built-in job/],
    [{ own: { 'a job': { every: '1s', sql: 'x' } } }, /^jobs\.own\.a job: expected a name/],
    [
      { builtIn: { analyse: false } },
      'jobs.builtIn.analyse: expected one of partitions, retention, drain, merge, refresh, analyze, freeze, reindex, optimize, security, review-daily, review-weekly, review-monthly, history, tiers, archive-verify, archive-retain, backup, backup-mark, backup-verify',
    ],
    [{ builtIn: { freeze: { cron: 'x' } } }, /^jobs\.builtIn\.freeze\.cron: Not a cron expression/],
    [{ zone: 'Mars/Olympus' }, /^jobs\.zone: Not a time zone: .*"Mars\/Olympus"/],
    [
      { own: { a: { every: '1s', timeout: '25 days', sql: 'x' } } },
      'jobs.own.a.timeout: expected 10 ms to 7 days, got 25 days',
    ],
    [{ own: { a: { every: '1s', timeout: 0, sql: 'x' } } }, 'jobs.own.a.timeout: expected 10 ms to 7 days, got 0 ms'],
    [{ lease: '2 h' }, 'jobs.lease: expected 1.0 s to 1 h 0 min, got 2 h 0 min'],
  ])('%j is refused with path, expected and got', (jobs, complaint) => {
    let message = ''
    try {
      resolve(jobs)
    } catch (error) {
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
      message = (error as Error).message.replace('pgstrata.config.ts: ', '')
    }
    expect(message).toMatch(complaint)
    if (typeof complaint === 'string') expect(message).toBe(complaint)
  })
})

describe('the list of jobs', () => {
  const names = (jobs: unknown, cleanups: string[] = []): string[] =>
    assembleJobs({
      settings: resolve(jobs),
      cleanups: cleanups.map((key) => ({
        key,
        schema: 'public',
        table: key,
        where: 'true',
        everyMs: 60_000,
        batchRows: 1,
      })),
      contributed: [],
      review: async () => [],
    }).map(({ name }) => name)

  test('is that of pgstrata, of the tables, and of the user; those that are off are not in it', () => {
    expect(
      names({ builtIn: { freeze: false }, own: { ping: { every: '1s', sql: 'select 1' } } }, ['sessions']),
    ).toEqual([
      'cleanup:sessions',
      'analyze',
      'reindex',
      'optimize',
      'security',
      'review-daily',
      'review-weekly',
      'review-monthly',
      'history',
      'ping',
    ])
  })

  test('holds no job that would never rest', () => {
    const cleanup = { key: 'a', schema: 'public', table: 'a', where: 'true', everyMs: 0, batchRows: 1 }
    expect(() =>
      assembleJobs({ settings: resolve({}), cleanups: [cleanup], contributed: [], review: async () => [] }),
    ).toThrow(/"cleanup:a": A job cannot run that often/)
  })

  test('holds no name twice', () => {
    expect(() => names({}, ['sessions', 'sessions'])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})
