// The job that refreshes what is due: by the tick it is run for, and by when each view was true.

import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import type { JobOutcome } from '../../src/db/job.ts'
import type { Strata } from '../../src/strata.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { versions } from '../support/postgres.ts'
import { genreStats, openBench, plays } from './support.ts'

const at = (text: string): Date => new Date(`2026-03-01T${text}Z`)

async function runJob(
  strata: Strata,
  tick: Date,
  { clock = fakeClock(), signal = new AbortController().signal }: { clock?: Clock; signal?: AbortSignal } = {},
): Promise<JobOutcome> {
  const [job] = strata.views.jobs
  if (job === undefined) throw new Error('There is no job')
  return await job.run({
    db: strata.db,
    tick,
    attempt: 1,
    fence: 1,
    signal,
    clock,
    random: () => 0.5,
    logger: silentLogger,
    confirm: () => Promise.resolve(),
  })
}

describe.each(versions)('the job that refreshes on PostgreSQL %d', (version) => {
  test('refreshes what is due, the longest due first behind what it reads, and nothing else', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const strata = await bench.apply({
      quarter: { ...genreStats, refresh: '15 minutes' },
      at_ten: { sql: 'select 1 as n', unique: ['n'], refresh: { cron: '0 10 * * *' } },
      early: { sql: 'select count(*)::int as n from quarter', refresh: '1 minute' },
      by_hand: { sql: 'select 1 as n' },
    })
    const setAll = (when: string): Promise<void> =>
      bench.run(`update pgstrata.view set last_refreshed = '2026-03-01 ${when}Z'`)
    const refreshed = async (tick: Date): Promise<unknown> => {
      const { did, details } = await runJob(strata, tick)
      return did === '' ? 'nothing' : details?.['refreshed']
    }
    await setAll('09:50:30')
    expect(await refreshed(at('09:50:59'))).toBe('nothing')
    expect(await refreshed(at('09:51:00'))).toEqual(['early'])
    await setAll('09:50:30')
    // `early` is due since 09:51, behind `quarter`, which it reads; the other two since 10:00.
    expect(await refreshed(at('10:00:00'))).toEqual(['quarter', 'early', 'at_ten'])
    await setAll('10:00:00')
    expect(await refreshed(at('10:00:30'))).toBe('nothing')
    expect((await runJob(strata, at('10:00:30'))).did).toBe('')
    await setAll('09:59:59')
    expect((await runJob(strata, at('10:00:30'))).did).toBe('3 views refreshed')
    expect(await bench.rows(`select name from pgstrata.view where last_refreshed < '2026-03-02'`)).toEqual([
      { name: 'by_hand' },
    ])
  })

  test('what failed is told, and tried again after five minutes or at its next time', async () => {
    const bench = await openBench(version)
    await bench.run('create table source (n int)')
    const strata = await bench.apply({
      nightly: { sql: 'select 1 / n as n from source', refresh: { cron: '0 3 * * *' } },
      often: { sql: 'select 1 / n as n from source', refresh: '1 minute' },
      fine: { sql: 'select n from source', refresh: '1 day' },
    })
    await bench.run('insert into source values (0)', `update pgstrata.view set last_refreshed = '2026-02-28'`)
    const told = [
      'view nightly: the server refused a value (SQLSTATE 22012)',
      'view often: the server refused a value (SQLSTATE 22012)',
    ]
    const first = await runJob(strata, at('03:00:00'))
    // `often` is due for longer.
    expect(first).toMatchObject({ did: '1 view refreshed', warnings: told.toReversed() })
    await bench.run(`update pgstrata.view set failed_at = '2026-03-01 03:00:10Z' where name <> 'fine'`)
    expect(await runJob(strata, at('03:00:59'))).toEqual({ did: '' })
    expect((await runJob(strata, at('03:01:00'))).warnings).toEqual([told[1]])
    await bench.run(`update pgstrata.view set failed_at = '2026-03-01 03:00:10Z' where name <> 'fine'`)
    expect((await runJob(strata, at('03:05:10'))).warnings).toEqual(told.toReversed())
    await bench.run('delete from source')
    await bench.run(`update pgstrata.view set failed_at = '2026-03-01 03:05:10Z' where name <> 'fine'`)
    expect(await runJob(strata, at('03:11:00'))).toMatchObject({ did: '2 views refreshed', warnings: [] })
  })

  test('a run that is out of time begins no more, and one that is called off ends', async () => {
    const bench = await openBench(version)
    const strata = await bench.apply({
      a: { sql: 'select 1 as n', refresh: '1 minute' },
      b: { sql: 'select 1 as n', refresh: '1 minute' },
    })
    const clock = fakeClock()
    // Four minutes for each look at it.
    const slow: Clock = { ...clock, monotonic: () => (clock.advance(4 * 60_000), clock.monotonic()) }
    const late = new Date(Date.now() + 3_600_000)
    expect((await runJob(strata, late, { clock: slow })).details).toEqual({ refreshed: ['a'] })
    expect((await runJob(strata, new Date(Date.now() + 7_200_000))).details).toEqual({ refreshed: ['b', 'a'] })
    const stopped = runJob(strata, new Date(Date.now() + 9_000_000), { signal: AbortSignal.abort() })
    await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })

  test('is there only where a view asks for it, and can be timed like the others', async () => {
    const bench = await openBench(version)
    expect(bench.strata({ a: { sql: 'select 1 as n' } }).views.jobs).toEqual([])
    const views = { a: { sql: 'select 1 as n', refresh: '1 hour' } } as const
    const named = (strata: Strata): unknown => strata.config.jobs.builtIn['refresh']
    expect(named(bench.strata(views, { jobs: { builtIn: { refresh: '1 min' } } }))).toEqual({ everyMs: 60_000 })
    expect(named(bench.strata(views, { jobs: { builtIn: { refresh: false } } }))).toBe(false)
  })
})
