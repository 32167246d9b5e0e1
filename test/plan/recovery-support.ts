// Builds that are held in the middle or killed there, and a role that sees nothing of what other roles are at.

import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

/** A role that owns the tables and may do nothing else: it does not see what other roles are at. */
export async function openOwner(database: TestDatabase): Promise<{ readonly db: Db; close(): Promise<void> }> {
  const role = `owner_${database.name}`
  await database.db.query(
    sql.raw(`create role ${role} login;
    grant usage, create on schema public to ${role};
    alter table song owner to ${role};
    grant insert on progress to ${role}`),
  )
  const db = openDb({ url: Object.assign(new URL(database.url), { username: role }).href })
  return {
    db,
    close: async () => {
      await db.close()
      await database.db.query(
        sql.raw(`reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`),
      )
    },
  }
}

/** A transaction that wrote to the table and stays open, so that a concurrent build waits for it. */
export async function holdSnapshot(db: Db): Promise<{ release(): Promise<void> }> {
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let ready: () => void = () => undefined
  const isReady = new Promise<void>((resolve) => (ready = resolve))
  const done = db.withSession(async (session) => {
    await session.query(sql`begin isolation level repeatable read`)
    await session.query(sql`update song set title = 'held' where id = 1`)
    await session.query(sql`select from part`)
    ready()
    await released
    await session.query(sql`rollback`)
  })
  await isReady
  return {
    release: async () => {
      release()
      await done
    },
  }
}

/** Starts the statement and holds it in the middle. */
export async function blockBuild(
  db: Db,
  statement: string,
): Promise<{ release(): Promise<void>; kill(): Promise<void> }> {
  const holder = await holdSnapshot(db)
  let pid = 0
  const building = db.withSession(async (session: Session) => {
    pid = session.pid
    await session.query(sql.raw(statement))
  })
  building.catch(() => undefined)
  await waitUntil(
    async () =>
      (
        await db.query(
          sql`select from pg_stat_progress_create_index where phase like 'waiting for %' and lockers_total > 0 and datname = current_database()`,
        )
      ).rows.length > 0,
    { what: 'a build held in the middle' },
  )
  return {
    release: async () => {
      await holder.release()
      await building
    },
    kill: async () => {
      await db.query(sql`select pg_terminate_backend(${pid}, 5000)`)
      await building.catch(() => undefined)
      await holder.release()
    },
  }
}

export async function interruptBuild(db: Db, statement: string): Promise<void> {
  await (await blockBuild(db, statement)).kill()
}
