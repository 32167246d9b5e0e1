// One statement: typed rows, prepared by name and no more than that, errors that say what is wrong and show no value.

import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { typed } from '../../../src/db/query/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { failureOf, openApi } from './support.ts'

describeOnEachVersion('query', (_version, database) => {
  it('gives rows, their number and their fields', async () => {
    const { api } = openApi({ connectionString: database().url })
    const { rows, rowCount, fields } = await api.query<{ n: number }>(
      sql`select n from generate_series(1, ${3}::int) as n`,
    )
    expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    expect(rowCount).toBe(3)
    expect(fields).toEqual([{ name: 'n', typeOid: 23 }])
    const answer = await api.query(typed<{ text: string }>(sql`select ${'a'}::text as text`))
    expect(answer.rows[0]?.text).toBe('a')
    expect(await api.query(sql`create table made (id int)`)).toMatchObject({ rows: [], rowCount: 0 })
  })

  it('is prepared once, and not where it is told not to or where it is no query', async () => {
    const { api } = openApi({ connectionString: database().url, max: 1 })
    for (const value of [1, 2, 3]) await api.query(sql`select ${value}::int as prepared_by_name`)
    await api.query(sql`select 2 as not_prepared`, { prepare: false })
    await api.query(sql`set application_name = 'not_prepared'`)
    const { rows } = await api.query(
      sql`select statement from pg_prepared_statements where statement not like '%pg_prepared%' order by 1`,
      { prepare: false },
    )
    expect(rows).toEqual([{ statement: 'select $1::int as prepared_by_name' }])
  })

  it('refuses a wrong number of parameters plainly, and keeps its connection', async () => {
    const { api, pool } = openApi({ connectionString: database().url, max: 1 })
    const pid = async (): Promise<unknown> => (await api.query(sql`select pg_backend_pid() as pid`)).rows[0]
    const before = await pid()
    for (const values of [[1], [1, 2, 3], []]) {
      const error = await failureOf(api.query({ text: 'select $1::int, $2::int', values }))
      expect(error).toMatchObject({ code: 'VALUE_INVALID' })
      expect(error.message).toContain(`expected 2, got ${values.length}`)
    }
    expect(await failureOf(api.query('select 1' as never))).toMatchObject({ code: 'VALUE_INVALID' })
    expect(await pid()).toEqual(before)
    expect(pool.totalCount).toBe(1)
    // What cannot be counted here, the server counts.
    const unseen = await failureOf(api.query(sql`select ${1}::int, ${sql.raw('$2::int')}`))
    expect(unseen).toMatchObject({ code: 'VALUE_INVALID', message: expect.stringContaining('expected 2, got 1') })
  })

  it('shows no value in an error', async () => {
    const { api } = openApi({ connectionString: database().url })
    await api.query(sql`create table secrets (id int primary key, word text not null, pin int check (pin > 0))`)
    await api.query(sql`insert into secrets values (${1234}, ${'word'}, 1)`)
    const failures = [
      await failureOf(api.query(sql`select ${'hushhush'}::int`)),
      await failureOf(api.query(sql`insert into secrets values (${1234}, ${'hushhush'}, ${1})`)),
      await failureOf(api.query(sql`insert into secrets values (${7}, ${'hushhush'}, ${-9})`)),
      await failureOf(api.query(sql`select ${['hushhush']}::int[]`)),
    ]
    expect(failures.map(({ code }) => code)).toEqual(['22P02', '23505', '23514', '22P02'])
    for (const failure of failures) expect(inspect(failure)).not.toMatch(/hushhush|1234|\(7|-9/)
  })
})
