// Every public name of the original design beside its endpoints (names-faults.test.ts) and its alerts (alerts.test.ts): the pool, the layers of
// the cache, the table of cron lines, migrations and families of indexes. Each is there, and does what it says.

import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openStrata, resolveConfig, sql } from 'pgstrata'
import config from '../../../examples/sessions/pgstrata.config.ts'
import { folder, resolveSessions } from '../../../examples/sessions/src/strata.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { waitUntil } from '../../support/wait.ts'
import { personOf, whileLocked } from './people.ts'
import { useService } from './service-support.ts'

const served = useService()
const [ada, bob] = [personOf('ada').address, personOf('bob').address]
beforeAll(async () => {
  await served().strata.query('insert into users (address) values ($1), ($2)', [ada, bob])
})

test('the pool', () => {
  expect(resolveSessions().pool).toMatchObject({
    max: 50,
    min: 5,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: 1_000,
    query_timeout: 5_000,
    statement_timeout: 10_000,
  })
})

test('the pool: a statement that takes too long is ended, and its connection lives on', async () => {
  const { pool } = served().strata
  const statement = { text: 'select pg_sleep(30)', query_timeout: 200 }
  await expect(pool.query(statement)).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' })
  const isOver = async (): Promise<boolean> => {
    const { rowCount } = await served().database.db.query(
      sql`select from pg_stat_activity where query like '%pg_sleep(30)%' and state = 'active' and datname = current_database() and pid <> pg_backend_pid()`,
    )
    return rowCount === 0
  }
  await waitUntil(isOver, { what: 'its end' })
})

test('the layers of the cache', () => {
  expect(config.cache.namespaces).toEqual({
    user: { ttl: '10 min' },
    session: { ttl: '1 hour' },
    balance: { ttl: '30s' },
    reports: { ttl: '5 min' },
  })
})

test('the table of cron lines, what each line does, and that it leaves alone what somebody has locked', async () => {
  const { jobs, query } = served().strata
  const schedules = new Map(jobs.declared.map(({ name, schedule }) => [name, schedule]))
  expect(
    ['cleanup:nonces', 'expire_sessions', 'release_reports', 'optimize', 'security'].map((name) => schedules.get(name)),
  ).toEqual(['every 5 minutes', 'every 5 minutes', 'every 5 minutes', 'every 15 minutes', 'every 1 hour'])
  // Every minute: what is watched is looked at more often, all the time, and so are the rules.
  const { watch, alerts } = resolveSessions()
  expect(watch).toBeDefined()
  expect(alerts?.everyMs).toBeLessThanOrEqual(60_000)
  await query(
    `insert into nonces (nonce, address, created_at, expires_at)
     select 'a nonce of long ago ' || n, $1, now() - interval '1 hour', now() - interval '50 minutes'
     from generate_series(1, 3) n`,
    [ada],
  )
  await query(
    `insert into sessions (a_addr, b_addr, status, created_at, expires_at)
     values ($1, $2, 'invited', now() - interval '1 hour', now() - interval '1 minute'),
       ($2, $1, 'invited', now() - interval '1 hour', now() - interval '1 minute')`,
    [ada, bob],
  )
  await whileLocked(
    served().database.db,
    sql`select from sessions where a_addr = ${ada} and status = 'invited' for update`,
    () => jobs.runNow('expire_sessions'),
  )
  const expired = await served().database.db.query(sql`select a_addr from sessions where status = 'expired'`)
  expect(expired.rows).toEqual([{ a_addr: bob }])
  for (const name of ['expire_sessions', 'cleanup:nonces', 'optimize', 'security', 'release_reports'])
    expect(await jobs.runNow(name)).toMatchObject({ state: 'done' })
  const left = await served().database.db.query<{ sessions: number; nonces: number }>(sql`
    select (select count(*)::int from sessions where status = 'invited') as sessions,
      (select count(*)::int from nonces where expires_at < now()) as nonces`)
  expect(left.rows).toEqual([{ sessions: 0, nonces: 0 }])
})

test('three migrations over the baseline, each with its way back, known by their checksums', async () => {
  const files = (await readdir(join(folder, 'migrations'))).toSorted()
  expect(files.map((file) => file.replace(/^\d+_|\.\w+$/g, ''))).toEqual([
    'baseline',
    'performance_indexes',
    'schema_optimization',
    'partitioning',
  ])
  expect((await served().strata.migrate.status()).map(({ state }) => state)).toEqual(files.map(() => 'applied'))
  const copy = await temporaryFolder()
  await cp(join(folder, 'migrations'), copy, { recursive: true })
  const first = join(copy, files[1] ?? '')
  await writeFile(first, `${await readFile(first, 'utf8')}\n-- somebody was here\n`)
  const other = openStrata(
    resolveConfig(
      { database: { primary: served().database.url }, migrations: { dir: copy } },
      { root: folder, name: 'copy' },
    ),
  )
  try {
    await expect(other.migrate.up({ lint: false })).rejects.toMatchObject({ code: 'MIGRATION_EDITED' })
  } finally {
    await other.close()
  }
})

test('families of indexes, valid, and two of them GIN', async () => {
  const { rows } = await served().database.db.query<{
    table: string
    indexes: number
    gin: number
    valid: boolean
  }>(sql`
    select indrelid::regclass::text as table, count(*)::int as indexes,
      count(*) filter (where amname = 'gin')::int as gin, bool_and(indisvalid) as valid
    from pg_index
    join pg_class as index on index.oid = indexrelid
    join pg_am on pg_am.oid = index.relam
    where relnamespace = 'public'::regnamespace
      and indrelid::regclass::text in ('sessions', 'reports', 'blocks', 'users', 'telemetry_events', 'nonces')
      and not exists (select from pg_constraint where conindid = indexrelid and conrelid = indrelid)
    group by indrelid
    order by indexes desc, indrelid::regclass::text`)
  expect(rows).toEqual([
    { table: 'sessions', indexes: 15, gin: 0, valid: true },
    { table: 'reports', indexes: 8, gin: 0, valid: true },
    { table: 'blocks', indexes: 6, gin: 0, valid: true },
    { table: 'telemetry_events', indexes: 6, gin: 2, valid: true },
    { table: 'users', indexes: 4, gin: 0, valid: true },
    { table: 'nonces', indexes: 3, gin: 0, valid: true },
  ])
})
