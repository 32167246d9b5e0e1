// Where nodes are, to be found by distance: an index by PostGIS where the server has it and lets this role install it, else by
// cube and earthdistance, which come with PostgreSQL. Where there is neither, the migration says so, nothing else depends on it,
// and the endpoints under /geo answer 501.
//
// Outside a transaction, for the index is made CONCURRENTLY: every statement may be carried out again.

import type { MigrationContext } from 'pgstrata/migrate'

export const transaction = false

const index = 'nodes_position'

export async function up(m: MigrationContext): Promise<void> {
  if (await install(m, ['postgis'])) {
    await createIndex(m, '(st_makepoint(location_lon::float8, location_lat::float8)::geography)')
    return
  }
  if (await install(m, ['cube', 'earthdistance'])) {
    await createIndex(
      m,
      `(cube(array[
        cos(radians(location_lat::float8)) * cos(radians(location_lon::float8)),
        cos(radians(location_lat::float8)) * sin(radians(location_lon::float8)),
        sin(radians(location_lat::float8))
      ]))`,
    )
    return
  }
  console.warn('Neither PostGIS nor cube and earthdistance can be installed here: /geo will answer 501.')
}

export async function down({ query, sql }: MigrationContext): Promise<void> {
  // The extensions stay: others may use them.
  await query(sql`drop index concurrently if exists ${sql.ident(index)}`)
}

/** Whether all of them are there now. What this role may not install is taken as not there. */
async function install({ query, sql }: MigrationContext, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const { rows } = await query<{ installed: boolean; available: boolean }>(sql`
      select
        exists (select from pg_extension where extname = ${name}) as installed,
        exists (select from pg_available_extensions where name = ${name}) as available`)
    if (rows[0]?.installed === true) continue
    if (rows[0]?.available !== true) return false
    try {
      await query(sql`create extension if not exists ${sql.ident(name)}`)
    } catch (error) {
      if (isRefused(error)) return false
      throw error
    }
  }
  return true
}

/** insufficient_privilege. */
function isRefused(error: unknown): boolean {
  const codes = [error, (error as { readonly cause?: unknown }).cause].map(
    (one) => (one as { readonly code?: unknown } | undefined)?.code,
  )
  return codes.includes('42501')
}

async function createIndex({ query, sql }: MigrationContext, position: string): Promise<void> {
  // One that an interrupted run left behind is not valid, and would be taken for the index.
  const { rows } = await query<{ valid: boolean }>(sql`
    select indisvalid as valid
    from pg_index
    where indexrelid = to_regclass(${index})`)
  if (rows[0]?.valid === true) return
  if (rows[0]?.valid === false) await query(sql`drop index concurrently ${sql.ident(index)}`)
  await query(sql`
    create index concurrently ${sql.ident(index)}
    on nodes using gist (${sql.raw(position)})
    where location_lat is not null and location_lon is not null`)
}
