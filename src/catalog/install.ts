// Installs and upgrades schema "pgstrata".
// Promises: each version is installed in one transaction together with its row in pgstrata.installation, so a kill
// leaves whole versions only; two installers at once serialise on the advisory lock of the schema; a schema newer
// than this package is refused and never touched.

import { StrataError } from '../base/errors.ts'
import { onlyRow, type Queryable, type Session } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { sql } from '../sql/sql.ts'
import { schemaVersions, type SchemaVersion } from './versions.ts'

/** "pgst" as a number: the class of every advisory lock we take. The objects are listed here, once. */
export const lockClass = 0x70677374
export const lockObject: Readonly<Record<'install' | 'migrate' | 'apply', number>> = {
  install: 1,
  migrate: 2,
  apply: 3,
}

/** Next to it, for work on one table: the object is the oid of the table. */
export const tableLockClass: number = lockClass + 1

/** And for refreshing one materialized view: the object is its oid. */
export const viewLockClass: number = lockClass + 2

export const newestVersion: number = Math.max(...schemaVersions.map((entry) => entry.version))

/** 0 where the schema is not installed. DATABASE_PRIVILEGE: it may be, and the role may not look. */
export async function readInstalledVersion(on: Queryable): Promise<number> {
  // A name in a schema that the role may not use cannot even be looked up.
  const present = await on.query<{ known: boolean; usable: boolean; role: string }>(sql`
    select n.oid is not null as known, coalesce(has_schema_privilege(n.oid, 'usage'), false) as usable,
      quote_ident(current_user) as role
    from (select to_regnamespace('pgstrata')) as n (oid)`)
  const { known, usable, role } = onlyRow(present)
  if (!known) return 0
  if (!usable) throw unreadable(role, `grant usage on schema pgstrata to ${role}`)
  const table = await on.query<{ readable: boolean | null }>(sql`
    select has_table_privilege(to_regclass('pgstrata.installation'), 'select') as readable`)
  const { readable } = onlyRow(table)
  if (readable === null) return 0
  if (!readable) throw unreadable(role, `grant select on all tables in schema pgstrata to ${role}`)
  const found = await on.query<{ version: number }>(
    sql`select coalesce(max(version), 0) as version from pgstrata.installation`,
  )
  return onlyRow(found).version
}

function unreadable(role: string, grant: string): StrataError {
  return new StrataError('DATABASE_PRIVILEGE', {
    message: `Role ${role} may not read schema "pgstrata"`,
    advice: `Let its owner run: ${grant}`,
  })
}

/** What is still to be installed over `installed`. */
export function pendingVersions(installed: number): readonly SchemaVersion[] {
  if (installed > newestVersion) {
    throw new StrataError('SCHEMA_NEWER', {
      message: 'Schema "pgstrata" is newer than this package',
      expected: `version ${newestVersion} or older`,
      got: `version ${installed}`,
    })
  }
  return schemaVersions.filter((entry) => entry.version > installed)
}

/** CREATE SCHEMA IF NOT EXISTS asks for the privilege even where the schema exists, made by an owner for a lesser role. */
async function stillNeeded(tx: Session, entry: SchemaVersion): Promise<readonly string[]> {
  if (!(await schemaExists(tx))) return entry.statements
  return entry.statements.filter((statement) => !/^(create|comment on) schema /.test(statement))
}

export async function schemaExists(on: Queryable): Promise<boolean> {
  const answer = await on.query<{ present: boolean }>(sql`select to_regnamespace('pgstrata') is not null as present`)
  return onlyRow(answer).present
}

/** Brings the schema to the newest version; gives back the versions that were missing. */
export async function ensureInstalled(session: Session): Promise<readonly SchemaVersion[]> {
  const missing = pendingVersions(await readInstalledVersion(session))
  if (missing.length === 0) return []
  for (const entry of missing) {
    await transaction(session, async (tx) => {
      // Polling is not needed here: nothing concurrent in the CREATE INDEX sense runs under this lock.
      await tx.query(sql`select pg_advisory_xact_lock(${lockClass}::int4, ${lockObject.install}::int4)`)
      if ((await readInstalledVersion(tx)) >= entry.version) return
      for (const statement of await stillNeeded(tx, entry)) await tx.query(sql.raw(statement))
      await tx.query(sql`insert into pgstrata.installation (version) values (${entry.version})`)
      // Our own upgrade is no drift: the next apply records our tables as they are now.
      await tx.query(sql`delete from pgstrata.managed_object where feature = 'catalog'`)
    })
  }
  return missing
}
