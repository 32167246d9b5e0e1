// A table that changed since its rows were archived: what still fits comes back, and what does not is refused with every reason,
// before anything is fetched where that can be known.

import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import type { Session } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { duck, exportTable, loadTable, type LoadOptions } from './archive-support.ts'

const before = `create table plays (id integer not null, song text, amount numeric(12, 2), at timestamptz not null, note text)`
const rows = `insert into plays select g, 'song ' || g, g * 0.25, timestamptz '2026-01-01Z' + g * interval '1 hour', 'note' from generate_series(1, 50) as g`

describeOnEachVersion('a table that changed since its rows were archived', (_, database) => {
  beforeEach(async () => {
    await database().db.query(sql.raw(`drop table if exists plays; ${before}; ${rows}`))
  })

  /** Archived, emptied, changed, restored: what `ask` says of it then. */
  async function restored(
    change: string,
    ask: string,
    options: Partial<LoadOptions> = {},
  ): Promise<readonly unknown[]> {
    const base = await temporaryFolder()
    const own = await duck([base])
    try {
      return await database().db.withSession(async (session: Session) => {
        const job = { table: 'public.plays', axis: 'at', folder: join(base, 'work'), duck: own, mostRows: 20 }
        const exported = await exportTable(session, job)
        await session.query(sql.raw(`truncate plays; ${change}`))
        await loadTable(session, exported, { into: 'public.plays', duck: own, isSameTable: true, ...options })
        const answer = await session.query<{ answer: unknown }>(sql.raw(`select ${ask} as answer from plays`))
        return answer.rows.map(({ answer: one }) => one)
      })
    } finally {
      own.close()
    }
  }

  const all = `count(*) || ' ' || sum(amount)`
  const whole = '50 318.75'

  test.each([
    ['nothing', '', all, whole],
    [
      'columns in another order',
      'alter table plays drop column note, add column note text',
      `count(*) || ' ' || count(note)`,
      '50 0',
      { without: ['note'] },
    ],
    ['a column added', 'alter table plays add column extra text', `count(*) || ' ' || count(extra)`, '50 0'],
    [
      'a column added that has a default',
      `alter table plays add column extra integer not null default 7`,
      `count(*) || ' ' || sum(extra)`,
      '50 350',
    ],
    [
      'a generated column added',
      `alter table plays add column twice integer generated always as (id * 2) stored`,
      `count(*) || ' ' || sum(twice)`,
      '50 2550',
    ],
    ['a column dropped, and left out', 'alter table plays drop column note', all, whole, { without: ['note'] }],
    ['a column renamed', 'alter table plays rename column note to remark', `count(*) || ' ' || count(remark)`, '50 50'],
    [
      'two that changed their names',
      'alter table plays rename column note to x; alter table plays rename column song to note; alter table plays rename column x to song',
      `max(song) || ' ' || max(note)`,
      'song 9 note',
      { renamed: { song: 'song', note: 'note' } },
    ],
    [
      'two that changed their names, as the rows that stayed',
      'alter table plays rename column note to x; alter table plays rename column song to note; alter table plays rename column x to song',
      `max(song) || ' ' || max(note)`,
      'note song 9',
    ],
    [
      'a name that went on to another one',
      'alter table plays rename column note to remark; alter table plays rename column song to note',
      `max(note) || ' ' || max(remark)`,
      'song 9 note',
    ],
    [
      'a moment that was written in UTC, as is said',
      `set local timezone = 'Asia/Tokyo'; alter table plays alter column at type timestamp`,
      `max(at)::text`,
      '2026-01-03 02:00:00',
      { renamed: { at: 'at' } },
    ],
    [
      'a column renamed, in another table',
      'drop table plays; create table plays (id integer, title text, amount numeric, at timestamptz, note text)',
      `count(title) || ''`,
      '50',
      { isSameTable: false, renamed: { song: 'title' } },
    ],
    ['a wider type', 'alter table plays alter column id type bigint, alter column amount type numeric', all, whole],
    [
      'a narrower type that takes all of it',
      'alter table plays alter column id type smallint, alter column song type varchar(7)',
      all,
      whole,
    ],
    [
      'a type of another kind',
      'alter table plays alter column amount type text',
      `count(*) || ' ' || max(amount)`,
      '50 9.75',
    ],
  ] as const)('%s', async (...[, change, ask, expected, options]) => {
    expect(await restored(change, ask, (options ?? {}) as Partial<LoadOptions>)).toEqual([expected])
  })

  test.each([
    [
      'a column dropped',
      'alter table plays drop column note, drop column song',
      {},
      ['song: the table has no such column', 'note: the table has no such column'],
    ],
    [
      'another one of its name',
      'alter table plays drop column note, add column note text',
      {},
      ['note: the table has no such column'],
    ],
    [
      'a new column that must have a value',
      'alter table plays add column extra integer not null',
      {},
      ['SQLSTATE 23502'],
    ],
    [
      'a type that rounds',
      'alter table plays alter column amount type numeric(12, 1)',
      {},
      ['amount: 10 values of numeric(12,2) in one file would be others as numeric(12,1)'],
    ],
    [
      'a type that cuts',
      'alter table plays alter column song type varchar(6)',
      {},
      ['song: 11 values of text in one file would be others as character varying(6)'],
    ],
    [
      'a type that does not take it',
      'alter table plays alter column song type uuid using null',
      {},
      ['SQLSTATE 22P02'],
    ],
    [
      'a type that depends on the time zone of whoever changed it',
      'alter table plays alter column at type timestamp',
      {},
      ['at: it was timestamp with time zone and is timestamp without time zone'],
    ],
    ['a type too small', 'alter table plays alter column note type smallint using null', {}, ['SQLSTATE 22P02']],
    [
      'a stricter column',
      `alter table plays alter column id drop not null; alter table plays add check (id < 50)`,
      { isSameTable: true },
      ['SQLSTATE 23514'],
    ],
    ['a column left out that it has not', '', { without: ['nothing'] }, ['nothing: the archive has no such column']],
    [
      'one renamed to what is not there',
      '',
      { renamed: { note: 'nowhere' } },
      ['nowhere: the table has no such column', 'note: the table has no such column'],
    ],
    ['two that would become one', '', { renamed: { note: 'song' } }, ['two columns would become one']],
  ] as const)('refused: %s', async (_name, change, options, problems) => {
    const failing = restored(change, all, options)
    await expect(failing).rejects.toMatchObject({ code: 'ARCHIVE_SCHEMA' })
    const { details } = (await failing.catch((error: unknown) => error)) as { details: { problems: readonly string[] } }
    expect(details.problems).toEqual(problems.map((problem) => expect.stringContaining(problem) as string))
  })
})
