import { expect, test } from 'vitest'
import { steadyNames, volatileNames } from '../../src/sql/classify/built-in-functions.ts'
import { isHarmlessFunction, isParticularFunction } from '../../src/sql/classify/particular.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion, versions } from '../support/postgres.ts'

const steady = steadyNames.trim().split(/\s+/)
const fickle = volatileNames.trim().split(/\s+/)
const seen = new Set<string>()

describeOnEachVersion('the built-in functions', (_version, database) => {
  const namesWhere = async (volatile: boolean): Promise<ReadonlySet<string>> => {
    const { rows } = await database().db.query<{ name: string }>(sql`
      select proname as name
      from pg_proc
      where pronamespace = 'pg_catalog'::regnamespace
      group by proname
      having bool_or(provolatile = 'v') = ${volatile}`)
    for (const { name } of rows) seen.add(name)
    return new Set(rows.map(({ name }) => name))
  }

  test('that are listed as steady are volatile in no overload', async () => {
    const volatile = await namesWhere(true)
    expect(steady.filter((name) => volatile.has(name))).toEqual([])
  })

  test('that are volatile are listed so, or harmless, or particular, or not called by name', async () => {
    const known = await namesWhere(true)
    const { rows } = await database().db.query<{ name: string }>(sql`
      select distinct proname as name
      from pg_proc
      where pronamespace = 'pg_catalog'::regnamespace
        and provolatile = 'v'
        and not proargtypes::regtype[]::text || prorettype::regtype::text ~ 'internal|cstring|trigger|handler|ddl_command'
        and proname !~ '^binary_upgrade_|_validator$|^pg_isolation_test'`)
    expect(rows.length).toBeGreaterThan(150)
    const missing = rows
      .map(({ name }) => name)
      .filter((name) => known.has(name) && !fickle.includes(name))
      .filter((name) => !isHarmlessFunction(name) && !isParticularFunction(name))
    expect(missing).toEqual([])
  })

  test('that people call most are listed', async () => {
    const there = await namesWhere(false)
    const common =
      `count sum min max avg now lower upper length substring to_char date_trunc extract age array_agg string_agg
      json_agg jsonb_agg json_build_object jsonb_build_object row_number rank lag lead generate_series unnest md5 format round
      ceil floor abs replace split_part to_tsvector to_tsquery ts_rank jsonb_array_elements current_database
      array_length concat left right trim_array regexp_replace`.split(/\s+/)
    expect(common.filter((name) => there.has(name) && !steady.includes(name))).toEqual([])
    expect(common.filter((name) => there.has(name)).length).toBeGreaterThan(40)
  })
})

test.skipIf(versions.length < 2)('no name is listed that no version has, and none twice', () => {
  const names = [...steady, ...fickle]
  expect(names.filter((name) => !seen.has(name))).toEqual([])
  expect(new Set(names).size).toBe(names.length)
  expect(steady.length).toBeGreaterThan(500)
})
