// Pages by key: walked forward or backward they are the whole set in order, once, whatever is inserted elsewhere.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { failureOf, openApi } from './support.ts'

const direction = fc.constantFrom('asc', 'desc')
const input = fc.record({
  rows: fc.array(
    fc.record({
      a: fc.integer({ min: 0, max: 3 }),
      at: fc.integer({ min: 0, max: 3 }),
      maybe: fc.option(fc.integer({ min: 0, max: 2 })),
    }),
    { maxLength: 25 },
  ),
  a: direction,
  at: direction,
  maybe: direction,
  nulls: fc.constantFrom('first', 'last'),
  id: direction,
  size: fc.integer({ min: 1, max: 7 }),
})

describeOnEachVersion(
  'paginate',
  (version, database) => {
    it('gives the sorted set, once, both ways, while rows come elsewhere', async () => {
      const { api } = openApi({ connectionString: database().url })
      await checkProperty(
        'paginate',
        input,
        async ({ rows, size, nulls, ...order }) => {
          await api.query(sql`truncate p`)
          await api.bulkInsert(
            'p',
            rows.map((row, id) => ({
              id,
              a: row.a,
              at: `2024-01-01 00:00:00.00000${row.at}+00`,
              maybe: row.maybe,
              seen: true,
            })),
          )
          const by = [`a ${order.a}`, `at ${order.at}`, `maybe ${order.maybe} nulls ${nulls}`, `"id" ${order.id}`]
          const expected = await api.query<{ id: number }>(sql.raw(`select id from p order by ${by.join(', ')}`))
          const ids = expected.rows.map(({ id }) => id)
          const statement = sql`select * from p where seen = ${true} -- to the end`
          const forward: number[] = []
          let next: string | undefined
          let last: string | undefined
          let extra = 1_000
          do {
            const page = await api.paginate<{ id: number }>(statement, { by, size, after: next })
            forward.push(...page.rows.map(({ id }) => id))
            expect(page.previous === undefined).toBe(next === undefined || page.rows.length === 0)
            last = page.previous ?? last
            next = page.next
            await api.query(sql`insert into p values (${extra++}, 1, now(), 1, false)`)
          } while (next !== undefined)
          expect(forward).toEqual(ids)
          if (last === undefined) return
          const lastSize = ids.length % size === 0 ? size : ids.length % size
          const backward = ids.slice(-lastSize)
          while (last !== undefined) {
            const page: { rows: readonly { id: number }[]; previous: string | undefined } = await api.paginate<{
              id: number
            }>(statement, { by, size, before: last })
            backward.unshift(...page.rows.map(({ id }) => id))
            last = page.previous
          }
          expect(backward).toEqual(ids)
        },
        { runs: 25 },
      )
    })

    it('refuses a cursor that is malformed, forged or of another order, and nothing in one becomes SQL', async () => {
      const { api } = openApi({ connectionString: database().url })
      await api.query(sql`truncate p`)
      await api.bulkInsert(
        'p',
        [1, 2, 3].map((id) => ({ id, a: id, at: new Date(0), seen: true })),
      )
      const statement = sql`select * from p`
      const { next = '' } = await api.paginate(statement, { by: ['a', 'id'], size: 1 })
      const parsed = JSON.parse(Buffer.from(next, 'base64url').toString()) as unknown[]
      const forge = (...list: unknown[]): string => Buffer.from(JSON.stringify(list)).toString('base64url')
      const [version, order] = parsed
      for (const after of [
        '',
        'x',
        '*',
        next.slice(0, -4),
        'A'.repeat(10_000),
        forge(9, order, '1', '1'),
        forge(version, order, '1'),
        forge(version, order, 1, 2),
        forge(version, order, null, '1'),
        forge(version, order, "1'; drop table p --", '1'),
      ]) {
        expect(await failureOf(api.paginate(statement, { by: ['a', 'id'], size: 1, after }))).toMatchObject({
          code: 'CURSOR_INVALID',
        })
      }
      expect(await failureOf(api.paginate(statement, { by: ['a desc', 'id'], size: 1, after: next }))).toMatchObject({
        code: 'CURSOR_INVALID',
      })
      const moved = await api.paginate<{ id: number }>(statement, {
        by: ['a', 'id'],
        size: 1,
        after: forge(version, order, '2', '2'),
      })
      expect(moved.rows.map(({ id }) => id)).toEqual([3])
    })

    it('refuses what would lose rows: nulls not spoken of, keys that tell nothing apart, what is no column', async () => {
      const { api } = openApi({ connectionString: database().url })
      await api.query(sql`truncate p`)
      await api.bulkInsert(
        'p',
        [1, 2, 3].map((id) => ({ id, a: 1, at: new Date(0), seen: true })),
      )
      const failure = async (by: readonly string[], size = 2): Promise<unknown> =>
        (await failureOf(api.paginate(sql`select * from p`, { by, size })))['code']
      expect(await failure(['maybe', 'id'])).toBe('VALUE_INVALID')
      expect(await failure(['a'])).toBe('VALUE_INVALID')
      expect(await failure(['id; drop table p'])).toBe('VALUE_INVALID')
      expect(await failure([])).toBe('VALUE_INVALID')
      expect(await failure(['id'], 0)).toBe('VALUE_INVALID')
      expect(await failure(['nonsense'])).toBe('42703')
    })

    // Before 18 a NOT NULL is valid, or not there.
    it.each(version < 18 ? [] : [version])(
      'refuses a key whose NOT NULL is not valid: a null from before would end the pages',
      async () => {
        const { url, db } = database()
        const { api } = openApi({ connectionString: url })
        await db.query(sql`create table unproven (id int primary key, late int)`)
        await db.query(sql`insert into unproven values (1, null), (2, 2)`)
        await db.query(sql`alter table unproven add constraint late_there not null late not valid`)
        const page = (): Promise<unknown> => api.paginate(sql`select * from unproven`, { by: ['late', 'id'], size: 1 })
        expect((await failureOf(page()))['code']).toBe('VALUE_INVALID')
      },
    )
  },
  async ({ db }) =>
    void (await db.query(
      sql`create table p (id int primary key, a int not null, at timestamptz not null, maybe int, seen bool not null)`,
    )),
)
