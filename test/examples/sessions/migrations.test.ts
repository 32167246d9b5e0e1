// The migrations: through the lint gate, down to nothing and up to the same; and, one after the other, on tables with rows in them, up,
// down and up again, with telemetry in months in between: no row is lost or changed by any of it.

import { describe, expect, onTestFinished, test } from 'vitest'
import { generate } from '../../../examples/sessions/src/generator/generate.ts'
import { openSessions, type SessionsStrata } from '../../../examples/sessions/src/strata.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase, type TestDatabase, type TestedMajor } from '../../support/postgres.ts'
import { monthBefore, testConfig, undeclared } from './support.ts'

const now = new Date()
const migrations = 4

interface Place {
  readonly db: TestDatabase['db']
  readonly url: string
  readonly strata: SessionsStrata
}

async function openPlace(version: TestedMajor): Promise<Place> {
  const database = await testDatabase(version)
  const strata = openSessions(testConfig({ url: database.url }))
  onTestFinished(async () => {
    await strata.close()
    await database.close()
  })
  return { db: database.db, url: database.url, strata }
}

async function relationsOf({ db }: Place): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(sql`
    select relname || ' ' || coalesce(pg_get_indexdef(oid), '') as name
    from pg_class
    where relnamespace = 'public'::regnamespace
    order by 1`)
  return rows.map(({ name }) => name)
}

const tables = ['users', 'sessions', 'reports', 'blocks', 'nonces', 'telemetry_events', 'balances'] as const

/** What the rows of each table come to, whatever order and however many partitions they are in; columns that a migration added aside. */
async function digestsOf({ db }: Place): Promise<Readonly<Record<string, unknown>>> {
  const digests: Record<string, unknown> = {}
  for (const table of tables) {
    const { rows } = await db.query(sql`
      select count(*)::integer as rows, sum(hashtextextended((to_jsonb(t) - 'duration_s')::text, 0)) as digest
      from ${sql.ident(table)} as t`)
    digests[table] = rows[0]
  }
  return digests
}

async function stateOf({ db }: Place): Promise<Readonly<Record<string, unknown>>> {
  const { rows } = await db.query(sql`
    select c.relkind as kind,
      (select count(*)::integer from pg_index where indrelid = c.oid and indisvalid) as indexes,
      (select array_agg(conname::text order by conname) from pg_constraint where conrelid = c.oid and contype in ('c', 'p')) as constraints,
      (select array_agg(attname || ' ' || attstattarget order by attname)
        from pg_attribute
        where attrelid = c.oid
          and attstattarget > 0) as statistics
    from pg_class as c
    where c.oid = 'telemetry_events'::regclass`)
  return rows[0] ?? {}
}

/** Into telemetry, at a time. */
async function addEvent({ db }: Place, at: string): Promise<void> {
  await db.query(sql`
    insert into telemetry_events (event_id, created_at, kind, payload)
    values (gen_random_uuid(), ${at}::timestamptz, 'error', '{"tags": ["ios"], "code": "Zürich"}')`)
}

/** What is declared goes, as before migrations are taken back. */
async function undeclare({ url }: Place): Promise<void> {
  const strata = openSessions(undeclared(testConfig({ url })))
  try {
    await strata.apply()
  } finally {
    await strata.close()
  }
}

async function convert({ strata }: Place): Promise<void> {
  for (const table of strata.config.tables) expect((await strata.conversion.convert(table)).ending).toBe('done')
}

async function expectNothingToDo({ strata }: Place): Promise<void> {
  const plan = await strata.plan()
  expect([plan.steps, plan.drift, plan.held]).toEqual([[], [], []])
}

const small = { users: 120, sessions: 300, days: 20, nonces: 30 }

describeOnEachVersion('the migrations', (version) => {
  test('up, in months, back and up again with rows in all tables: each row is as it was', async () => {
    const place = await openPlace(version)
    const { strata, db } = place
    await strata.migrate.up({ to: '0001', lint: false })
    await generate(strata, { scale: 0.01, sizes: small, now })
    await addEvent(place, `${monthBefore(5)}T00:00:00Z`)
    const before = await digestsOf(place)
    const first = await relationsOf(place)
    expect(Object.values(before).map((one) => (one as { rows: number }).rows > 0)).toEqual(tables.map(() => true))

    await strata.migrate.up({ lint: false })
    expect(await digestsOf(place)).toEqual(before)
    const plain = await stateOf(place)
    expect(plain).toMatchObject({ kind: 'r', indexes: 7 })
    const { rows: durations } = await db.query(sql`
      select count(*) filter (where duration_s is null) = count(*) filter (where started_at is null or ended_at is null) as complete,
        bool_and(duration_s = round(extract(epoch from ended_at - started_at))) as exact
      from sessions`)
    expect(durations).toEqual([{ complete: true, exact: true }])

    await strata.apply()
    expect((await strata.plan()).held.map(({ what }) => what)).toEqual([expect.stringContaining('telemetry_events')])
    await convert(place)
    await strata.apply()
    await expectNothingToDo(place)
    expect(await digestsOf(place)).toEqual(before)
    // One each for the past, for a month to come, and for what was there as one.
    await addEvent(place, `${monthBefore(-1)}T00:00:00Z`)
    await addEvent(place, now.toISOString())
    const after = await digestsOf(place)
    expect(after['telemetry_events']).toMatchObject({ rows: rowsOf(before) + 2 })
    const months = await relationsOf(place)

    await undeclare(place)
    await strata.migrate.down({ to: '0003' })
    expect(await digestsOf(place)).toEqual(after)
    expect(await stateOf(place)).toEqual({
      ...plain,
      constraints: ['telemetry_events_kind_check', 'telemetry_events_payload_check', 'telemetry_events_pkey'],
    })
    await strata.migrate.down({ to: '0001' })
    expect(await digestsOf(place)).toEqual(after)
    expect(await relationsOf(place)).toEqual(first)

    await strata.migrate.up({ lint: false })
    await strata.apply()
    await convert(place)
    await strata.apply()
    await expectNothingToDo(place)
    expect(await digestsOf(place)).toEqual(after)
    expect(withoutParts(await relationsOf(place))).toEqual(withoutParts(months))
  })
})

describe('the migrations', () => {
  const version = 18

  test('go through the gate of the lint, down to nothing, and up to the same again', async () => {
    const place = await openPlace(version)
    const { ran } = await place.strata.migrate.up()
    expect(ran).toHaveLength(migrations)
    const made = await relationsOf(place)
    await place.strata.migrate.down({ steps: ran.length })
    expect(await relationsOf(place)).toEqual([])
    await place.strata.migrate.up()
    expect(await relationsOf(place)).toEqual(made)
    await place.strata.apply()
    await expectNothingToDo(place)
  })

  test('months are not taken back while a rollup counts them: nothing is changed, and what to do is said', async () => {
    const place = await openPlace(version)
    await place.strata.migrate.up({ lint: false })
    await place.strata.apply()
    await addEvent(place, now.toISOString())
    const before = await relationsOf(place)
    await expect(place.strata.migrate.down()).rejects.toThrow(
      'telemetry_events is still counted by a rollup (telemetry_hourly_source)',
    )
    expect(await relationsOf(place)).toEqual(before)
    await undeclare(place)
    await place.strata.migrate.down()
    expect(await stateOf(place)).toMatchObject({ kind: 'r', indexes: 7 })
    expect((await digestsOf(place))['telemetry_events']).toMatchObject({ rows: 1 })
  })

  test('a session keeps how long it took, whoever writes', async () => {
    const place = await openPlace(version)
    await place.strata.migrate.up({ lint: false })
    await place.db.query(sql`
      insert into users (address)
      select '0x' || repeat(digit, 40)
      from unnest('{a,b}'::text[]) as digit`)
    await place.db.query(sql`
      insert into sessions (a_addr, b_addr, status, started_at, created_at)
      select min(address), max(address), 'active', now() - interval '90 seconds', now() - interval '2 minutes'
      from users`)
    const read = async (): Promise<unknown> => (await place.db.query(sql`select duration_s from sessions`)).rows
    expect(await read()).toEqual([{ duration_s: null }])
    await place.db.query(sql`update sessions set status = 'ended', ended_at = started_at + interval '75 seconds'`)
    expect(await read()).toEqual([{ duration_s: 75 }])
    await expect(place.db.query(sql`update sessions set duration_s = -1`)).rejects.toMatchObject({
      code: expect.anything(),
    })
  })
})

function rowsOf(digests: Readonly<Record<string, unknown>>): number {
  return (digests['telemetry_events'] as { readonly rows: number }).rows
}

/** Partitions are named by what they hold, and what was a whole table by where it ends. */
function withoutParts(relations: readonly string[]): readonly string[] {
  return relations.filter((name) => !/_\d{4}_\d\d|_before/.test(name))
}
