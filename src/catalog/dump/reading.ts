// One reading of the catalog: one snapshot, one set of settings that decide how the server writes expressions, one
// filter. Promises: every name outside pg_catalog comes back qualified, and constants are written the same way
// whatever the role's search_path, time zone or date style. The settings end with the reading.

import { StrataError } from '../../base/errors.ts'
import { isDb, onlyRow, type Db, type Queryable, type Session } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Catalog } from './object.ts'

export interface ReadOptions {
  /** Only these schemas, and the extensions. Objects that live in no schema (casts, publications, …) are left out. */
  readonly schemas?: readonly string[] | undefined
  /** Not these. pg_* and information_schema never are read. Default: 'pgstrata'. */
  readonly excludeSchemas?: readonly string[] | undefined
  /** Default true. */
  readonly grants?: boolean | undefined
  /** Default false; privileges of the owner are then written for current_user. */
  readonly owners?: boolean | undefined
  /** Default true. */
  readonly comments?: boolean | undefined
}

export interface Reading {
  readonly session: Queryable
  /** server_version_num */
  readonly version: number
  /** oids */
  readonly schemas: readonly number[]
  /** Objects that live in no schema are read too. */
  readonly whole: boolean
  /** Only these relations and their parts (oids). */
  readonly relations?: readonly number[] | undefined
  /** Only objects of these names. */
  readonly names?: readonly string[] | undefined
  readonly grants: boolean
  readonly owners: boolean
  readonly comments: boolean
}

const settings: Readonly<Record<string, string>> = {
  search_path: '',
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '3',
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  // The planner holds these queries to be dear, and compiling one takes longer than running it.
  jit: 'off',
}

const noActiveTransaction = '25P01'

/** On a Db: a repeatable read transaction. On a session: the transaction it is in, or one of its own. */
export async function withReading<T>(
  on: Db | Session,
  options: ReadOptions,
  work: (reading: Reading) => Promise<T>,
): Promise<T> {
  const run = async (session: Queryable): Promise<T> => {
    await session.query(sql`
      select set_config(name, value, true)
      from unnest(${Object.keys(settings)}::text[], ${Object.values(settings)}::text[]) as setting (name, value)`)
    return await work(await openReading(session, options))
  }
  const alone = (): Promise<T> => transaction(on, run, { isolation: 'repeatable read', readOnly: true })
  return isDb(on) || !(await enterSavepoint(on)) ? await alone() : await inside(on, run)
}

/** Whether the session was in a transaction; outside of one the statement fails and leaves no trace. */
async function enterSavepoint(session: Queryable): Promise<boolean> {
  try {
    await session.query(sql`savepoint pgstrata_dump`)
    return true
  } catch (error) {
    if (sqlstateOf(error) === noActiveTransaction) return false
    throw error
  }
}

/** Rolling back to the savepoint takes the settings back, and nothing else was done. */
async function inside<T>(session: Queryable, run: (session: Queryable) => Promise<T>): Promise<T> {
  try {
    return await run(session)
  } finally {
    await session.query(sql`rollback to savepoint pgstrata_dump`)
    await session.query(sql`release savepoint pgstrata_dump`)
  }
}

async function openReading(session: Queryable, options: ReadOptions): Promise<Reading> {
  const answer = await session.query<{ version: number }>(
    sql`select current_setting('server_version_num')::int4 as version`,
  )
  const { rows } = await session.query<{ oid: number }>(sql`
    select oid
    from pg_namespace
    where not starts_with(nspname, 'pg_')
      and nspname <> 'information_schema'
      and nspname <> all(${options.excludeSchemas ?? ['pgstrata']}::text[])
      and (${options.schemas ?? null}::text[] is null or nspname = any(${options.schemas ?? null}::text[]))`)
  return {
    session,
    version: onlyRow(answer).version,
    schemas: rows.map((row) => row.oid),
    whole: options.schemas === undefined,
    grants: options.grants ?? true,
    owners: options.owners ?? false,
    comments: options.comments ?? true,
  }
}

export async function readRows<Row extends object>(reading: Reading, statement: Sql): Promise<readonly Row[]> {
  return (await reading.session.query<Row>(statement)).rows
}

/** A condition: the namespace in `column` is one of those read. */
export function inSchemas(reading: Reading, column: string): Sql {
  return sql`${sql.raw(column)} = any(${reading.schemas}::oid[])`
}

/** A condition: where only some relations are read, `column` holds one of them. */
export function ofRelation(reading: Reading, column: string): Sql {
  return reading.relations === undefined ? sql`true` : sql`${sql.raw(column)} = any(${reading.relations}::oid[])`
}

/** A condition: where only some names are read, `column` holds one of them. */
export function named(reading: Reading, column: string): Sql {
  return reading.names === undefined ? sql`true` : sql`${sql.raw(column)} = any(${reading.names}::text[])`
}

/** A condition: no extension owns the object, and it is not one that the server was born with. */
export function notOfExtension(catalog: Catalog, oid: string): Sql {
  return sql.raw(`${oid} >= 16384
      and not exists (
        select
        from pg_depend member
        where member.classid = '${catalog}'::regclass
          and member.objid = ${oid}
          and member.deptype = 'e'
      )`)
}

/** A condition: it did not come with another object, as the cast to its multirange comes with a range type. */
export function notMadeAlong(catalog: Catalog, oid: string): Sql {
  return sql.raw(`not exists (
        select
        from pg_depend made
        where made.classid = '${catalog}'::regclass
          and made.objid = ${oid}
          and made.deptype = 'i'
      )`)
}

/**
 * What pg_get_…def gave. These functions see the latest catalog, not our snapshot: for an object that was dropped
 * after the snapshot they give null.
 */
export function definition(text: string | null, what: string): string {
  if (text !== null) return text
  throw new StrataError('SCHEMA_CHANGING', { message: `${what} was dropped or changed while the schema was read` })
}
