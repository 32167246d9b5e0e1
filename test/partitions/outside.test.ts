import { expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import { explainOutside } from '../../src/partitions/outside.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { createPlays } from './life-support.ts'

describeOnEachVersion(
  'a row outside of every partition',
  (_version, database) => {
    const failureOf = async (text: string): Promise<unknown> =>
      await database()
        .db.query(sql.raw(text))
        .then(
          () => undefined,
          (error: unknown) => error,
        )

    test.each([
      `insert into plays values (1, '2031-01-01')`,
      `update plays set played_at = '2031-01-01' where id = 101`,
      `insert into plays_2026_01 values (1, '2026-05-05')`,
    ])('is refused with 23514, and known as that: %s', async (text) => {
      const failure = await failureOf(text)
      expect(failure).toMatchObject({ code: '23514' })
      const explained = explainOutside(failure)
      expect(isStrataError(explained, 'PARTITION_OUTSIDE')).toBe(true)
      expect((explained as Error).message).toMatch(/^No partition of "public"."plays(_2026_01)?" takes a row$/)
      expect(JSON.stringify(explained)).not.toContain('2031')
    })

    test('a CHECK is something else, and so is everything else', async () => {
      await database().db.query(sql`alter table plays add constraint positive check (id > 0)`)
      const failure = await failureOf(`insert into plays values (-1, '2026-01-01')`)
      expect(failure).toMatchObject({ code: '23514' })
      expect(explainOutside(failure)).toBe(failure)
      const twice = await failureOf(`insert into plays select * from plays`)
      expect(explainOutside(twice)).toBe(twice)
      expect(explainOutside('no error')).toBe('no error')
    })
  },
  async ({ db }) => await createPlays(db),
)
