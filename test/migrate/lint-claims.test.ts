// What the rules claim of the server, asked of the server: which statements rewrite a table (its file changes), and
// which locks they hold at the end (pg_locks of the same transaction).

import { describe, expect, test } from 'vitest'
import { onlyRow, type Session } from '../../src/db/db.ts'
import { readLiveFacts, type Finding } from '../../src/migrate/lint/index.ts'
import { parseSql } from '../../src/sql/parse.ts'
import { sql } from '../../src/sql/sql.ts'
import { useDatabase, versions } from '../support/postgres.ts'
import { lint } from './lint-support.ts'

const schema = sql.raw(`
  create table sources (id bigint primary key);
  insert into sources values (1);
  create table plays (id int not null, track_id bigint, title varchar(50), price numeric(8, 2), at timestamp, at_ms timestamp(3),
    net cidr, code char(2));
  insert into plays select n, n, 'title', 1.5, now(), now(), '10.0.0.0/8', 'NL' from generate_series(1, 100) n;
  create table events (at timestamptz not null) partition by range (at);
  create table p (like events);
  create function own() returns int language plpgsql as 'begin return 1; end';`)

/** On plays; whether the server writes the table anew. */
const rewrites: readonly (readonly [string, boolean, number?])[] = [
  ['add column x text', false],
  ["add column x text not null default 'NL'", false],
  ['add column x timestamptz default now()', false],
  ["add column x timestamptz default now() + interval '1 day'", false],
  ["add column x text default lower('NL')", false],
  ['add column x int default -1', false],
  ['add column x text[] not null default array[]::text[]', false],
  ['add column x float8 default random()', true],
  ['add column x uuid default gen_random_uuid()', true],
  ['add column x timestamptz default clock_timestamp()', true],
  ['add column x int default own()', true],
  ['add column x bigserial', true],
  ['add column x bigint generated always as identity', true],
  ['add column x int generated always as (id * 2) stored', true],
  ['add column x int generated always as (id * 2) virtual', false, 18],
  ['add column x bigint references sources (id)', false],
  ['alter column id type bigint', true],
  ['alter column id type int', false],
  ['alter column title type varchar(100)', false],
  ['alter column title type text', false],
  ['alter column title type varchar', false],
  ['alter column title type varchar(40)', true],
  ['alter column price type numeric(10, 2)', false],
  ['alter column price type numeric', false],
  ['alter column price type numeric(10, 3)', true],
  ['alter column price type numeric(6, 2)', true],
  ['alter column at type timestamptz', false],
  ['alter column at type timestamp(3)', true],
  ['alter column at_ms type timestamp(6)', false],
  ['alter column at_ms type timestamp', false],
  ['alter column net type inet', false],
  ['alter column code type text', true],
  ['alter column title type text using upper(title)', true],
  ['alter column title type text using title::text', false],
  ['set unlogged', true],
  ['alter column track_id set not null', false],
  ['add constraint c check (id > 0)', false],
]

/** Locks that are held afterwards, by table, on statements whose rule names one. */
const locks: readonly (readonly [string, string, string])[] = [
  ['create index i on plays (id)', 'plays', 'SHARE'],
  [
    'alter table plays add constraint f foreign key (track_id) references sources (id) not valid',
    'sources',
    'SHARE ROW EXCLUSIVE',
  ],
  [
    'alter table plays add constraint f foreign key (track_id) references sources (id) not valid',
    'plays',
    'SHARE ROW EXCLUSIVE',
  ],
  ['alter table plays add constraint c check (id > 0) not valid', 'plays', 'ACCESS EXCLUSIVE'],
  ['alter table plays add constraint u unique (id)', 'plays', 'ACCESS EXCLUSIVE'],
  [
    'create trigger t before update on plays for each row execute function suppress_redundant_updates_trigger()',
    'plays',
    'SHARE ROW EXCLUSIVE',
  ],
  ["create table q partition of events for values from ('2026-01-01') to ('2027-01-01')", 'events', 'ACCESS EXCLUSIVE'],
  [
    "alter table events attach partition p for values from ('2026-01-01') to ('2027-01-01')",
    'events',
    'SHARE UPDATE EXCLUSIVE',
  ],
  ["alter table events attach partition p for values from ('2026-01-01') to ('2027-01-01')", 'p', 'ACCESS EXCLUSIVE'],
]

describe.each(versions)('PostgreSQL %s', (version) => {
  const database = useDatabase(version, async ({ db }) => {
    await db.query(schema)
  })

  const inRollback = async <T>(work: (session: Session) => Promise<T>): Promise<T> =>
    await database().db.withSession(async (session) => {
      await session.query(sql`begin; set local timezone = 'UTC'`)
      try {
        return await work(session)
      } finally {
        await session.query(sql`rollback`)
      }
    })

  test.each(rewrites.map(([action, expected, since = 15]) => [action, expected, since] as const))(
    'alter table plays %s: rewrites %s',
    async (action, expected, since) => {
      if (version < since) return
      const statement = `alter table plays ${action}`
      const { changed, findings } = await inRollback(async (session) => {
        const facts = await readLiveFacts(session, await parseSql(statement))
        const found: readonly Finding[] = await lint(statement, { facts })
        const file = async (): Promise<number> =>
          onlyRow(
            await session.query<{ file: number }>(
              sql`select relfilenode::int8::float8 as file from pg_class where oid = 'plays'::regclass`,
            ),
          ).file
        const before = await file()
        await session.query(sql.raw(statement))
        return { changed: (await file()) !== before, findings: found }
      })
      expect(changed).toBe(expected)
      const rewriting = new Set([
        'volatile-default',
        'add-serial-column',
        'stored-generated-column',
        'change-column-type',
        'rewrite-storage',
      ])
      expect(findings.some(({ rule, message }) => rewriting.has(rule) && /anew|copies/.test(message))).toBe(expected)
    },
  )

  test.each(locks)('%s locks %s in %s mode', async (statement, table, mode) => {
    const held = await inRollback(async (session) => {
      await session.query(sql.raw(statement))
      const { rows } = await session.query<{ mode: string }>(sql`
        select mode from pg_locks where pid = pg_backend_pid() and relation = ${table}::regclass`)
      return rows.map((row) => row.mode)
    })
    expect(held).toContain(
      `${mode.toLowerCase().replace(/(^| )(\w)/g, (_, _space, letter: string) => letter.toUpperCase())}Lock`,
    )
  })
})
