// `pgstrata view` as a person uses it.

import { describe, expect, test } from 'vitest'
import { command, type Said } from '../support/command.ts'
import { versions } from '../support/postgres.ts'
import { createProject } from '../support/project.ts'
import { genreStats, openBench, plays } from './support.ts'

describe.each(versions)('pgstrata view on PostgreSQL %d', (version) => {
  test('shows and refreshes', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const views = {
      stats: { ...genreStats, tags: ['analytics'], refresh: '1 day' },
      broken: { sql: 'select 1 / count(*) as n from plays' },
    }
    const project = await createProject(bench.url, { config: { views } })
    const view = (...args: readonly string[]): Promise<Said> => command(project.dir, 'view', ...args)

    expect((await view('status')).out).toContain('! stats: it is declared and not made yet\n  → run `pgstrata apply`')
    expect((await view('refresh', 'stats')).err).toContain('error VIEW_UNKNOWN')
    await bench.apply(views)
    const shown = (await view('status')).out
    expect(shown).toMatch(/^broken +live +1 row .* old, took .* plainly +by hand\n/)
    expect(shown).toMatch(/\nstats +live +2 rows .* old, took .* plainly +due \d{4}-\d\d-\d\dT00:00:00Z +analytics\n/)
    expect(shown).toContain('! broken: no unique index: readers wait while it is refreshed')

    expect((await view('refresh', '--tag', 'analytics')).out).toMatch(/^stats: refreshed concurrently in .*, 2 rows\n$/)
    expect((await view('refresh', '--tag', 'none')).out).toBe('No view has that tag.\n')
    expect(await view('refresh')).toMatchObject({ code: 3, err: expect.stringContaining('error USAGE Which views?') })
    expect(await view('refresh', 'stats', '--all')).toMatchObject({ code: 3 })
    await bench.run('delete from plays')
    const failed = await view('refresh', '--all')
    expect([failed.code, failed.out]).toEqual([
      6,
      expect.stringMatching(
        /^broken: failed, the server refused a value \(SQLSTATE 22012\)\nstats: refreshed .*0 rows\n$/,
      ),
    ])
    expect(JSON.parse((await view('refresh', 'stats', '--json')).out)).toMatchObject({
      views: [{ name: 'stats', outcome: 'refreshed', how: 'concurrently', rows: 0 }],
    })
    expect(JSON.parse((await view('status', 'broken', '--json')).out)).toMatchObject({
      views: [{ name: 'broken', state: 'live', lastError: 'the server refused a value (SQLSTATE 22012)' }],
    })
    expect((await view('status', 'nothing')).err).toContain('error VIEW_UNKNOWN')
    await project.close()
  })
})
