// Creates the objects of a dump in an empty database of the same major version, which is ours: a scratch database.
//
// Each object takes effect whole or not at all. One that fails is tried again after the others, as long as that
// helps; whatever then still fails is reported, with the server's own words. Roles that are named but missing are made,
// without login. A lost connection is thrown. The session must not be in a transaction; its settings are put back.

import { messageOf } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { isConnectionLost, sqlstateOf } from '../../sql/sqlstate.ts'
import { sql } from '../../sql/sql.ts'
import { sortedUnique, type SchemaObject } from './object.ts'
import { orderForCreation } from './order.ts'

export interface SkippedObject {
  readonly object: SchemaObject
  readonly reason: string
  readonly sqlstate: string | undefined
}

export interface RestoreOptions {
  /** Told of each object that could not be created, when that is certain. */
  readonly onSkip?: ((skipped: SkippedObject) => void) | undefined
}

export interface Restored {
  readonly created: number
  readonly skipped: readonly SkippedObject[]
  /** Roles that were made because the text names them; quoted where SQL needs it. */
  readonly stubRoles: readonly string[]
}

/** What a dump is to be run with. Bodies of functions may name what comes later; names are all qualified. */
export const scriptSettings: Readonly<Record<string, string>> = {
  search_path: '',
  check_function_bodies: 'off',
  default_tablespace: '',
  default_table_access_method: 'heap',
  xmloption: 'content',
  row_security: 'off',
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  standard_conforming_strings: 'on',
  client_min_messages: 'warning',
}

export async function restoreSchema(
  session: Session,
  objects: readonly SchemaObject[],
  options: RestoreOptions = {},
): Promise<Restored> {
  return await withSettings(session, scriptSettings, async () => {
    const stubRoles = await createStubRoles(session, objects)
    const skipped: SkippedObject[] = objects
      .filter((object) => !object.reproduced)
      .map((object) => ({ object, reason: object.sql.replace(/^-- /, ''), sqlstate: undefined }))
    const wanted = orderForCreation(objects.filter((object) => object.reproduced))
    const failed = await createAll(session, wanted)
    skipped.push(...failed)
    for (const one of skipped) options.onSkip?.(one)
    return { created: wanted.length - failed.length, skipped, stubRoles }
  })
}

/** Passes over what is left until one creates nothing. Bounded: each pass but the last creates at least one. */
async function createAll(session: Session, wanted: readonly SchemaObject[]): Promise<SkippedObject[]> {
  let left = wanted
  for (;;) {
    const failed: SkippedObject[] = []
    for (const object of left) {
      const failure = await createOne(session, object)
      if (failure !== undefined) failed.push(failure)
    }
    if (failed.length === 0 || failed.length === left.length) return failed
    left = failed.map(({ object }) => object)
  }
}

/** Several statements in one message are one transaction. */
async function createOne(session: Session, object: SchemaObject): Promise<SkippedObject | undefined> {
  try {
    await session.query(sql.raw(object.sql))
    return undefined
  } catch (error) {
    if (isConnectionLost(error)) throw error
    return { object, reason: messageOf(error), sqlstate: sqlstateOf(error) }
  }
}

async function createStubRoles(session: Session, objects: readonly SchemaObject[]): Promise<string[]> {
  const roles = sortedUnique(objects.flatMap((object) => object.roles))
  const { rows } = await session.query<{ name: string }>(sql`
    select name
    from unnest(${roles}::text[]) as name
    where name not in (
      select quote_ident(rolname)
      from pg_roles
    )`)
  const missing = rows.map((row) => row.name).filter((name) => !/^"?pg_/.test(name))
  for (const name of missing) await session.query(sql.raw(`create role ${name} nologin`))
  return missing
}

async function withSettings<T>(
  session: Session,
  settings: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  const before: [string, string][] = []
  for (const [name, value] of Object.entries(settings)) {
    const { rows } = await session.query<{ value: string }>(sql`select current_setting(${name}) as value`)
    before.push([name, rows[0]?.value ?? ''])
    await session.query(sql`select set_config(${name}, ${value}, false)`)
  }
  try {
    return await work()
  } finally {
    for (const [name, value] of before) {
      await session.query(sql`select set_config(${name}, ${value}, false)`).catch(() => undefined)
    }
  }
}
