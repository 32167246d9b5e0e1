// Databases of an embedded cluster.

import { messageOf, StrataError } from '../base/errors.ts'
import type { Db } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { sqlstateOf } from '../sql/sqlstate.ts'

/** Somebody is connected to the template. */
const objectInUse = '55006'

export interface CreateDatabaseOptions {
  /** The database to copy; nobody may be connected to it. Default: PostgreSQL's own template1. */
  readonly template?: string
}

export async function createDatabase(db: Db, name: string, options: CreateDatabaseOptions = {}): Promise<void> {
  try {
    await db.query(sql`create database ${sql.ident(name)} template ${sql.ident(options.template ?? 'template1')}`)
  } catch (error) {
    throw new StrataError('EMBEDDED_FAILED', {
      message: `Database ${name} could not be made (${messageOf(error)})`,
      advice:
        sqlstateOf(error) === objectInUse
          ? 'Close the connections to the template first.'
          : 'Choose another name, or drop that one first.',
      cause: error,
    })
  }
}

export async function ensureDatabase(db: Db, name: string): Promise<void> {
  const { rows } = await db.query(sql`select from pg_database where datname = ${name}`)
  if (rows.length === 0) await createDatabase(db, name)
}

export async function dropDatabase(db: Db, name: string): Promise<void> {
  await db.query(sql`drop database if exists ${sql.ident(name)} with (force)`)
}
