// A column is renamed under traffic, the way it has to be done: expand, backfill, contract, with the application's old
// and new version at work side by side. No client sees an error, and at every step the previous version still works.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql, type Sql } from '../../src/sql/sql.ts'
import { openMigrations, type MigrationFolder } from '../support/migrations.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

const rows = 20_000

const expand = `alter table song add column name text;
create function song_sync() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.name := coalesce(new.name, new.title);
    new.title := coalesce(new.title, new.name);
  elsif new.name is distinct from old.name then
    new.title := new.name;
  elsif new.title is distinct from old.title or new.name is null then
    new.name := new.title;
  end if;
  return new;
end $$;
create trigger song_sync before insert or update on song for each row execute function song_sync();
`
const backfill = `export const transaction = false
export async function up({ backfill, sql }) {
  await backfill({ table: ['song'], set: sql\`name = title\`, where: sql\`name is null\`, batchRows: 1000 })
}
`
const tighten = `alter table song add constraint song_name_not_null check (name is not null) not valid;
begin; alter table song validate constraint song_name_not_null; commit;
begin; alter table song alter column name set not null; alter table song drop constraint song_name_not_null; commit;
alter table song alter column title drop not null;
create index concurrently song_name_idx on song (name);
`
const contract = `drop trigger song_sync on song;
drop function song_sync();
alter table song drop column title;
`

interface AppVersion {
  readonly column: 'title' | 'name'
}
const oldApp: AppVersion = { column: 'title' }
const newApp: AppVersion = { column: 'name' }

describe.each(versions)('a live migration on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let folder: MigrationFolder
  let clients: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    clients = openDb({ url: database.url, max: 8 })
    folder = await openMigrations(
      database.db,
      {},
      { ladder: { firstTimeoutMs: 50, lastTimeoutMs: 200, tries: 50, concurrentTimeoutMs: 60_000 } },
    )
    await database.db.query(
      sql.raw(`create table song (id bigint generated always as identity primary key, title text not null);
      insert into song (title) select 'song ' || g from generate_series(1, ${rows}) as g`),
    )
  })
  afterEach(async () => {
    await clients.close()
    await folder.close()
    await database.close()
  })

  test('expand, backfill, contract: not one client error', async () => {
    const fleet = [
      startClient(clients, oldApp, 1),
      startClient(clients, oldApp, 2),
      startClient(clients, oldApp, 3),
      startClient(clients, oldApp, 4),
    ]
    const everyClientGoesOn = async (): Promise<void> => {
      const before = fleet.map((client) => client.done())
      await waitUntil(() => fleet.every((client, index) => client.done() > (before[index] ?? 0) + 20), {
        what: 'every client going on',
      })
    }
    const step = async (name: string, text: string): Promise<void> => {
      await folder.write(name, text)
      await folder.migrate.up()
      await everyClientGoesOn()
    }
    await everyClientGoesOn()
    await step('0001_expand.sql', expand)
    // The new version is rolled out to half, beside the old.
    fleet.slice(0, 2).forEach((client) => client.become(newApp))
    await everyClientGoesOn()
    await step('0002_backfill.mjs', backfill)
    await step('0003_tighten.sql', tighten)
    fleet.forEach((client) => client.become(newApp))
    await everyClientGoesOn()
    await step('0004_contract.sql', contract)
    const errors = await Promise.all(fleet.map((client) => client.stop()))
    expect(errors.flat()).toEqual([])
    const answer = await database.db.query<{ left: number; all: number }>(
      sql`select count(*) filter (where name is null)::int as left, count(*)::int as all from song`,
    )
    const { left, all } = onlyRow(answer)
    expect(left).toBe(0)
    expect(all).toBeGreaterThan(rows)
  })
})

interface Client {
  done(): number
  become(version: AppVersion): void
  stop(): Promise<readonly string[]>
}

/** Inserts, updates and reads by the column its version knows, as fast as it can, and checks what it reads. */
function startClient(db: Db, first: AppVersion, seat: number): Client {
  let version = first
  let done = 0
  let stopped = false
  const errors: string[] = []
  const note = (error: unknown): void => void errors.push(error instanceof Error ? error.message : String(error))
  const one = async (
    query: <Row extends object>(statement: Sql) => Promise<{ rows: readonly Row[] }>,
    turn: number,
  ): Promise<void> => {
    const column = sql.ident(version.column)
    const text = `client ${seat} turn ${turn}`
    const inserted = await query<{ id: string }>(sql`insert into song (${column}) values (${text}) returning id`)
    const id = inserted.rows[0]?.id
    await query(sql`update song set ${column} = ${`${text}!`} where id = ${id}`)
    const read = await query<{ value: string }>(sql`select ${column} as value from song where id = ${id}`)
    if (read.rows[0]?.value !== `${text}!`) errors.push(`read ${JSON.stringify(read.rows[0])} for ${text}`)
    await query(sql`update song set ${column} = ${column} where id = ${1 + ((turn * 7919 + seat) % rows)}`)
  }
  const working = db.withSession(async (session) => {
    for (let turn = 0; !stopped; turn++) {
      await one((statement) => session.query(statement), turn).catch(note)
      done++
    }
  })
  return {
    done: () => done,
    become: (next) => {
      version = next
    },
    stop: async () => {
      stopped = true
      await working
      return errors
    },
  }
}
