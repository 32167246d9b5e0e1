// What the compiler knows of the query API. `npm run check` compiles this file; the tests run it.

import { expect, expectTypeOf, test } from 'vitest'
import { sql, typed, type QueryAnswer, type QueryApi } from 'pgstrata'

test('rows have the type that was said, a batch that of each of its statements', () => {
  const use = async (api: QueryApi): Promise<void> => {
    expectTypeOf(await api.query(sql`select 1`)).toEqualTypeOf<QueryAnswer<Record<string, unknown>>>()
    expectTypeOf(await api.query<{ n: number }>(sql`select 1 as n`)).toEqualTypeOf<QueryAnswer<{ n: number }>>()
    const [first, second] = await api.batch([typed<{ n: number }>(sql`select 1 as n`), sql`select 2`])
    expectTypeOf(first.rows).toEqualTypeOf<readonly { n: number }[]>()
    expectTypeOf(second.rows).toEqualTypeOf<readonly Record<string, unknown>[]>()
    const [outcome] = await api.batch([sql`select 1`], { settle: true })
    expectTypeOf(outcome.status).toEqualTypeOf<'fulfilled' | 'rejected'>()
    expectTypeOf(await api.tx((tx) => tx.query<{ n: number }>(sql`select 1 as n`))).toEqualTypeOf<
      QueryAnswer<{ n: number }>
    >()
    // @ts-expect-error a text is not SQL
    await api.query('select 1')
    // @ts-expect-error an isolation level has a name
    await api.tx(() => Promise.resolve(), { isolation: 'dirty' })
    // @ts-expect-error a page has a size
    await api.paginate(sql`select 1`, { by: ['id'] })
  }
  expect(use).toBeTypeOf('function')
})
