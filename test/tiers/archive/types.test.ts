// What DuckDB alone, without anything of ours, reads of an archive: the right types, counts and values.

import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { quoteIdent } from '../../../src/sql/quote.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { differences, duck, exportTable, loadTable, type ExportedTable } from './archive-support.ts'

const rows = 2_000

/** Each with the type that the file has, and what stands in row 3; row 1 has what Parquet cannot say, row 2 nothing. */
const columns: readonly {
  readonly type: string
  readonly value: string
  readonly odd?: string
  readonly parquet: string
  readonly read: unknown
}[] = [
  { type: 'boolean', value: `true`, parquet: 'BOOLEAN', read: true },
  { type: 'smallint', value: `g`, parquet: 'SMALLINT', read: 3 },
  { type: 'integer', value: `g`, parquet: 'INTEGER', read: 3 },
  { type: 'bigint', value: `g * 10000000000`, parquet: 'BIGINT', read: '30000000000' },
  { type: 'oid', value: `g`, parquet: 'UINTEGER', read: 3 },
  { type: 'numeric(20,8)', value: `g * 0.5`, odd: `'NaN'`, parquet: 'DECIMAL(38,8)', read: '1.50000000' },
  { type: 'numeric(9,2)', value: `g * 0.5`, parquet: 'DECIMAL(9,2)', read: '1.50' },
  { type: 'numeric', value: `g + 0.25`, odd: `'Infinity'`, parquet: 'DECIMAL(9,2)', read: '3.25' },
  { type: 'real', value: `g / 2.0`, odd: `'NaN'`, parquet: 'FLOAT', read: 1.5 },
  { type: 'double precision', value: `g / 2.0`, odd: `'-Infinity'`, parquet: 'DOUBLE', read: 1.5 },
  { type: 'date', value: `date '2026-01-01' + g`, odd: `'infinity'`, parquet: 'DATE', read: '2026-01-04' },
  {
    type: 'timestamp',
    value: `timestamp '2026-01-01 00:00:00.000001' + g * interval '1 second'`,
    odd: `'-infinity'`,
    parquet: 'TIMESTAMP',
    read: '2026-01-01 00:00:03.000001',
  },
  {
    type: 'timestamptz',
    value: `timestamptz '2026-01-01 02:00:00+02' + g * interval '1 second'`,
    odd: `'4713-01-01 BC'`,
    parquet: 'TIMESTAMP WITH TIME ZONE',
    read: '2026-01-01 00:00:03+00',
  },
  { type: 'time', value: `time '12:00' + g * interval '1 second'`, odd: `'24:00'`, parquet: 'TIME', read: '12:00:03' },
  { type: 'interval', value: `g * interval '1 day 1 microsecond'`, parquet: 'VARCHAR', read: '3 days 00:00:00.000003' },
  { type: 'text', value: `'text ' || g`, parquet: 'VARCHAR', read: 'text 3' },
  { type: 'varchar(20)', value: `'text ' || g`, parquet: 'VARCHAR', read: 'text 3' },
  {
    type: 'uuid',
    value: `'00000000-0000-4000-8000-000000000003'::uuid`,
    parquet: 'UUID',
    read: '00000000-0000-4000-8000-000000000003',
  },
  { type: 'bytea', value: `'\\x0003'::bytea`, parquet: 'BLOB', read: '\\x00\\x03' },
  { type: 'jsonb', value: `jsonb_build_object('a', g)`, parquet: 'JSON', read: '{"a": 3}' },
  { type: 'integer[]', value: `array[g, null, 5]`, odd: `'[2:3]={1,2}'`, parquet: 'INTEGER[]', read: ['3', null, '5'] },
  {
    type: 'text[]',
    value: `array['a,b', null, g::text]`,
    odd: `'{{a},{b}}'`,
    parquet: 'VARCHAR[]',
    read: ['a,b', null, '3'],
  },
  { type: 'int4range', value: `int4range(g, g + 5)`, parquet: 'VARCHAR', read: '[3,8)' },
  { type: 'mood', value: `'happy'::mood`, parquet: 'VARCHAR', read: 'happy' },
  { type: 'pair', value: `row(g, 'b')::pair`, parquet: 'VARCHAR', read: '(3,b)' },
  { type: 'inet', value: `'10.0.0.3'::inet`, parquet: 'VARCHAR', read: '10.0.0.3' },
]

async function createTypes(session: Parameters<typeof exportTable>[0]): Promise<void> {
  await session.query(sql.raw(`create type mood as enum ('sad', 'happy'); create type pair as (a integer, b text)`))
  const list = columns.map(({ type }, index) => `c${index} ${type}`)
  const values = columns.map(({ type, value, odd }) => {
    const first = odd === undefined ? '' : `when g = 1 then ${odd}::${type} `
    return `case ${first}when g = 2 then null else (${value})::${type} end`
  })
  await session.query(sql.raw(`create table types (id integer, ${list.join(', ')})`))
  await session.query(sql.raw(`insert into types select g, ${values.join(', ')} from generate_series(1, ${rows}) as g`))
}

describeOnEachVersion('files of an archive', (_, database) => {
  test('are read by DuckDB alone', async () => {
    const base = await temporaryFolder()
    const folder = join(base, 'work')
    const exported = await database().db.withSession(async (session): Promise<ExportedTable> => {
      await createTypes(session)
      const own = await duck([base])
      try {
        return await exportTable(session, { table: 'public.types', axis: 'id', folder, duck: own, mostRows: 900 })
      } finally {
        own.close()
      }
    })
    expect(exported.files.map((file) => [file.rows, file.least, file.most])).toEqual([
      [900, '1', '900'],
      [900, '901', '1800'],
      [200, '1801', '2000'],
    ])
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    const ask = async (statement: string): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      (await connection.runAndReadAll(statement)).getRowObjectsJson()
    try {
      await connection.run(`set TimeZone = 'UTC'`)
      const files = `read_parquet('${folder}/*.parquet', union_by_name = true)`
      const described = await ask(`describe select * from ${files}`)
      const types = new Map(described.map((row) => [row['column_name'], row['column_type']]))
      expect(columns.map((_one, index) => types.get(`c${index}`))).toEqual(columns.map(({ parquet }) => parquet))
      // Beside the columns: the texts of what their types cannot say, of those alone that have any.
      const kept = columns.flatMap(({ odd, parquet }, index) =>
        odd === undefined || /FLOAT|DOUBLE/.test(parquet) ? [] : [`c${index}__pg`],
      )
      expect([...types.keys()].filter((name) => String(name).includes('__'))).toEqual(kept)
      const counts = columns.map((_one, index) => `count(c${index}) as n${index}`)
      const [count] = await ask(`select count(*) as n, ${counts.join(', ')} from ${files}`)
      expect(count?.['n']).toBe(String(rows))
      // Of an array that begins elsewhere than at 1 the list stands beside the text.
      expect(columns.map((_one, index) => Number(count?.[`n${index}`]))).toEqual(
        columns.map(
          ({ odd }, index) => rows - 1 - (kept.includes(`c${index}__pg`) && odd?.includes('[2:3]') !== true ? 1 : 0),
        ),
      )
      const [row] = await ask(`select * from ${files} where id = 3`)
      expect(columns.map((_one, index) => plain(row?.[`c${index}`]))).toEqual(columns.map(({ read }) => plain(read)))
      const [sums] = await ask(`select sum(c2) as a, max(c12) as b, sum(c6) as c from ${files}`)
      expect(sums).toEqual({ a: String((rows * (rows + 1)) / 2 - 2), b: '2026-01-01 00:33:20+00', c: '1000499.00' })
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  })
})

/** What it calls its own things while it makes files. */
const names = [
  't0',
  'T1',
  'j0',
  'j1',
  'mark',
  'x',
  'staged',
  'nulls_0',
  'rows',
  'pgstrata_t0',
  'PGSTRATA__J1',
  't0__pg',
  'select',
]

describeOnEachVersion('columns of any name', (_, database) => {
  test('are kept and given back', async () => {
    const base = await temporaryFolder()
    const list = names.map((name, index) => `${quoteIdent(name)} ${index % 3 === 2 ? 'text[]' : 'numeric'}`)
    const values = names.map((_name, index) =>
      index % 3 === 2 ? `array[g::text, 'a,b']` : `nullif(g, ${index}) * 0.5`,
    )
    await database().db.withSession(async (session) => {
      await session.query(
        sql.raw(`create table named (id integer, ${list.join(', ')}); create table again (like named)`),
      )
      await session.query(sql.raw(`insert into named select g, ${values.join(', ')} from generate_series(1, 50) as g`))
      await session.query(
        sql.raw(`update named set "T1" = 'NaN', j0 = '{{a},{b}}', "PGSTRATA__J1" = 1.500 where id = 7`),
      )
      const own = await duck([base])
      try {
        const job = { table: 'public.named', axis: 'id', folder: join(base, 'work'), duck: own }
        await loadTable(session, await exportTable(session, job), { into: 'public.again', duck: own })
        expect(await differences(session, 'public.named', 'public.again')).toEqual([])
      } finally {
        own.close()
      }
    })
  })
})

const plain = (value: unknown): string =>
  JSON.stringify(value, (_key, one: unknown) => (typeof one === 'number' ? String(one) : one))
