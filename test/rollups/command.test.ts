// `pgstrata rollup` as a person uses it.

import { expect, test } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import { command, type Said } from '../support/command.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { createProject } from '../support/project.ts'
import { run } from './support.ts'

describeOnEachVersion('pgstrata rollup', (_version, database) => {
  test('shows, merges, fills, verifies, mends, rebuilds and explains', async () => {
    const { db, url } = database()
    await run(db, 'create table plays (song int, at timestamptz not null)')
    const rollups = {
      song_plays: {
        from: 'plays',
        time: 'at',
        bucket: '1 hour',
        by: ['song'],
        measures: { plays: { kind: 'count' } },
        levels: ['day'],
      },
    }
    const project = await createProject(url, { config: { rollups } })
    const rollup = (...args: readonly string[]): Promise<Said> => command(project.dir, 'rollup', ...args)

    const before = await rollup('status')
    expect(before.out, before.err).toContain('not applied')
    expect(before.out).toContain('! song_plays: it is declared and not made yet\n  → run `pgstrata apply`')
    expect((await rollup('merge', 'song_plays')).err).toContain('error ROLLUP_UNKNOWN')
    expect((await command(project.dir, 'apply')).code).toBe(0)

    await run(db, `insert into plays values (1, '2026-01-01'), (2, '2026-01-01'), (1, '2026-01-02')`)
    expect((await rollup('status')).out).toMatch(/song_plays +of public\.plays +live .* 3 pending/)
    expect((await rollup('merge', 'song_plays')).out).toBe('3 changes merged.\n')
    expect((await rollup('merge', 'song_plays')).out).toBe('Nothing is pending.\n')
    expect((await rollup('merge')).out).toBe('Nothing is pending.\n')
    await run(db, `insert into plays values (1, '2026-01-01'), (1, '2026-01-02')`, `delete from plays where song = 2`)
    expect((await rollup('merge')).out).toBe('song_plays  3 changes merged\n')
    expect(JSON.parse((await rollup('merge', '--json')).out)).toEqual({ rollups: [{ name: 'song_plays', rows: 0 }] })
    await run(db, `insert into plays values (2, '2026-01-01')`)
    expect(JSON.parse((await rollup('merge', '--json')).out)).toEqual({ rollups: [{ name: 'song_plays', rows: 1 }] })
    expect((await rollup('fill', 'song_plays')).out).toBe('song_plays is filled.\n')
    expect((await rollup('verify', 'song_plays')).out).toBe('song_plays is what its table says: 3 keys.\n')

    await db.query(sql`update song_plays_merged set row_count = 7 where song = 2`)
    const wrong = await rollup('verify', 'song_plays', '--json')
    expect(wrong.code).toBe(2)
    expect(JSON.parse(wrong.out)).toMatchObject({ name: 'song_plays', keys: 3, different: 1, repaired: 0 })
    const mended = await rollup('verify', 'song_plays', '--fix')
    expect([mended.code, mended.out]).toEqual([
      0,
      expect.stringMatching(/^1 key of 3 differed, in buckets from .*\. Built anew\.\n$/),
    ])
    const { rollups: listed } = JSON.parse((await rollup('status', 'song_plays', '--json')).out) as {
      rollups: unknown[]
    }
    expect(listed).toMatchObject([{ name: 'song_plays', state: 'live', pending: 0, findings: [] }])
    await db.query(sql`update song_plays_merged set row_count = 7 where song = 2`)
    expect((await rollup('rebuild', 'song_plays')).out).toBe('song_plays is built anew.\n')
    expect((await rollup('verify', 'song_plays')).code).toBe(0)
    await db.query(sql`update song_plays_day_merged set row_count = 7 where song = 2`)
    const coarse = await rollup('verify', 'song_plays')
    expect([coarse.code, coarse.out]).toEqual([2, '1 key of its levels differed. Mend it with --fix.\n'])
    expect((await rollup('verify', 'song_plays', '--fix')).out).toBe('1 key of its levels differed. Built anew.\n')
    const explained = await rollup('explain', 'song_plays')
    expect(explained.out, explained.err).toMatch(/plays +count +exact in the transaction that changes the table/)
    expect(explained.out).not.toContain('create or replace function')
    expect((await rollup('explain', 'song_plays', '--sql')).out).toContain('create or replace function')
    expect((await rollup('suggest', 'song_plays_parts')).code).toBe(2)
    expect((await rollup('status', 'nothing')).err).toContain('error ROLLUP_UNKNOWN')
    await project.close()
  })
})
