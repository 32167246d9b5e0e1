// `pgstrata convert` as a person uses it.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { command, type Said } from '../../support/command.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { createProject } from '../../support/project.ts'
import { createPlays, partitionsOf } from './support.ts'

const run = (cwd: string, ...args: readonly string[]): Promise<Said> => command(cwd, 'convert', ...args)

describeOnEachVersion('pgstrata convert', (_version, database) => {
  test('shows what it would do, does it, tells how far it is, and drops the old table', async () => {
    const { db, url } = database()
    await createPlays(db, 'plays', 2_000)
    const project = await createProject(url, {
      config: { tables: { plays: { time: 'played_at', partition: 'month' } } },
    })
    const dry = await run(project.dir, 'plays', '--full', '--dry-run')
    expect(dry.code, dry.err).toBe(0)
    expect(dry.out).toMatch(/carried over +primary key/)
    expect(dry.out).toContain('About ')
    expect(dry.out).toContain('-- ACCESS EXCLUSIVE on "public"."plays"')
    expect(dry.out).toContain('-- SHARE ROW EXCLUSIVE on "public"."plays"')
    expect(dry.out).toContain('Nothing was changed.')
    expect((await run(project.dir, 'plays', '--status')).out).toContain('never converted')

    const done = await run(project.dir, 'plays', '--full')
    expect(done.code, done.err).toBe(0)
    expect(done.out).toContain('public.plays is partitioned. The old table is public.plays_old')
    expect(done.err).toMatch(/^preparing\ncapturing\ncopying\n/)
    expect((await partitionsOf(db, 'plays')).length).toBeGreaterThan(10)
    const status = JSON.parse((await run(project.dir, 'plays', '--status', '--json')).out) as { state: string }
    expect(status.state).toBe('done')
    expect((await run(project.dir, 'plays', '--abort')).err).toContain('error CONVERT_STATE')

    expect((await run(project.dir, 'plays', '--drop-old')).out).toContain('Dropped public.plays_old.')
    const { rows } = await db.query(sql`select where to_regclass('plays_old') is not null`)
    expect(rows).toEqual([])
    expect((await run(project.dir, 'plays', '--drop-old')).code).toBe(5)

    // It is laid out as declared: there is nothing to do to it.
    const plan = await command(project.dir, 'plan')
    expect(plan.out).not.toContain('plays')
    await project.close()
  })

  test('does not begin where something needs consent, and says which word gives it', async () => {
    const { db, url } = database()
    await db.query(sql`create table narrow (id bigint primary key, at timestamptz not null)`)
    await db.query(sql`insert into narrow values (1, now())`)
    const project = await createProject(url, { config: { tables: { narrow: { time: 'at', partition: 'day' } } } })
    const refused = await run(project.dir, 'narrow')
    expect(refused.code).toBe(5)
    expect(refused.out).toMatch(/needs consent +primary key/)
    expect(refused.err).toContain('error CONVERT_REFUSED')
    expect(refused.err).toContain('--accept wider-keys')
    const done = await run(project.dir, 'narrow', '--accept', 'wider-keys')
    expect(done.code, done.err).toBe(0)
    await project.close()
  })

  test('refuses what it does not know: a table, a consent, two wishes at once', async () => {
    const { url } = database()
    const project = await createProject(url, {
      config: { tables: { plays: { time: 'played_at', partition: 'month' } } },
    })
    const unknown = await run(project.dir, 'players')
    expect(unknown).toMatchObject({ code: 3, err: expect.stringContaining('one of plays') })
    expect(await run(project.dir, 'plays', '--accept', 'everything')).toMatchObject({
      code: 3,
      err: expect.stringContaining('wider-keys'),
    })
    expect(await run(project.dir, 'plays', '--pause', '--resume')).toMatchObject({
      code: 3,
      err: expect.stringContaining('one thing at a time'),
    })
    await project.close()
  })
})
