// Through a real PgBouncer in transaction mode everything works as it does without.

import { expect, it, onTestFinished } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { startPgBouncer } from '../../support/pgbouncer.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { failureOf, openApi } from './support.ts'

describeOnEachVersion('the query API through PgBouncer', (_version, database) => {
  it('queries, transactions, batches, bulk inserts and pages', async () => {
    const bouncer = await startPgBouncer(database().url, 'transaction')
    onTestFinished(() => bouncer.close())
    const { api } = openApi({ connectionString: bouncer.url })
    await api.query(sql`create table g (id int primary key, word text)`)
    await Promise.all(Array.from({ length: 20 }, (_, id) => api.query(sql`insert into g values (${id}, ${'w'})`)))
    await api.tx((tx) => tx.tx((inner) => inner.query(sql`insert into g values (20, 'w')`)))
    await api.batch([sql`insert into g values (${21}, ${'w'})`, sql`insert into g values (22, 'w')`])
    expect(await failureOf(api.batch([sql`select 1`, sql`insert into g values (1, 'w')`]))).toMatchObject({
      code: 'BATCH_FAILED',
    })
    await api.bulkInsert(
      'g',
      Array.from({ length: 3_000 }, (_, index) => ({ id: 100 + index, word: 'x' })),
    )
    await api.bulkInsert('g', [{ id: 50, word: 'x' }])
    expect(await api.copyIn(sql`copy g from stdin`, ['60\tx\n'])).toEqual({ count: 1 })
    expect((await api.query(sql`select count(*)::int as n from g`)).rows).toEqual([{ n: 3_025 }])
    const page = await api.paginate(sql`select * from g`, { by: ['id desc'], size: 2 })
    const second = await api.paginate(sql`select * from g`, { by: ['id desc'], size: 1, after: page.next })
    expect(second.rows.map(({ id }) => id)).toEqual([3_097])
  })
})
