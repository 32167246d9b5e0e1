// Plans for values that nobody knows: the same of every version, partitions among them, and nothing is left behind.

import { expect, test } from 'vitest'
import type { Session } from '../../src/db/db.ts'
import { explainGeneric } from '../../src/db/generic-plan.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

describeOnEachVersion(
  'generic plans',
  (major, database) => {
    async function inTransaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
      return await database().db.withSession(async (session) => {
        await session.query(sql`begin`)
        try {
          return await work(session)
        } finally {
          await session.query(sql`rollback`)
        }
      })
    }

    const explain = async (session: Session, text: string, options = 'verbose, format json'): Promise<string> => {
      const query = async (statement: Parameters<Session['query']>[0]) => (await session.query(statement)).rows
      const rows = await explainGeneric(query, { text, major, options })
      return rows.map((row) => JSON.stringify(row['QUERY PLAN'])).join('\n')
    }
    const partitionsIn = (plan: string): readonly string[] => [...new Set(plan.match(/parted_\d\b/g))].toSorted()

    test.each(['verbose, format json', 'verbose, format text'])(
      'of partitions that values choose, all are there (%s)',
      async (options) => {
        const text = 'select * from parted where at >= $1 and at < $2 and id = $3'
        expect(partitionsIn(await inTransaction((session) => explain(session, text, options)))).toEqual([
          'parted_1',
          'parted_2',
          'parted_3',
        ])
      },
    )

    test('partitions that the text itself leaves out are not', async () => {
      const text = `select * from parted where at < '2026-02-01' and id = $1`
      expect(partitionsIn(await inTransaction((session) => explain(session, text)))).toEqual(['parted_1'])
    })

    test('without parameters it is planned as well', async () => {
      expect(partitionsIn(await inTransaction((session) => explain(session, 'select * from parted')))).toHaveLength(3)
    })

    test('what cannot be planned leaves the transaction and the session as they were', async () => {
      await inTransaction(async (session) => {
        await session.query(sql`set local plan_cache_mode = force_custom_plan`)
        await explain(session, 'select * from parted where at = $1 and id = $2')
        if (major < 16) await expect(explain(session, 'select * from nowhere where id = $1')).rejects.toThrow('nowhere')
        const { rows } = await session.query(sql`
          select current_setting('plan_cache_mode') as mode, current_setting('enable_partition_pruning') as pruning,
            (select count(*)::int from pg_prepared_statements where name like 'pgstrata%') as prepared`)
        expect(rows).toEqual([{ mode: 'force_custom_plan', pruning: 'on', prepared: 0 }])
      })
    })
  },
  async ({ db }) => {
    await db.query(sql`
      create table parted (id bigint, at timestamptz) partition by range (at);
      create table parted_1 partition of parted for values from ('2026-01-01') to ('2026-02-01');
      create table parted_2 partition of parted for values from ('2026-02-01') to ('2026-03-01');
      create table parted_3 partition of parted for values from ('2026-03-01') to ('2026-04-01')`)
  },
)
