// The audit: a call is there before it is carried out, its outcome afterwards, and what is old goes.

import { expect, test } from 'vitest'
import { createAudit } from '../../src/catalog/audit.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

describeOnEachVersion(
  'the audit',
  (_, database) => {
    const rows = async (): Promise<readonly object[]> =>
      (await database().db.query(sql`select actor, address, action, outcome, details from pgstrata.audit order by id`))
        .rows

    test('a call is begun, and then has its outcome', async () => {
      const audit = createAudit(database().db)
      const call = { actor: 'alice', address: undefined, action: 'POST /x', details: { name: 'quo"te' } }
      const id = await audit.begin(call)
      expect(await rows()).toEqual([{ ...call, address: null, outcome: 'begun' }])
      await audit.end(id, 'done')
      expect(await rows()).toEqual([{ ...call, address: null, outcome: 'done' }])
    })

    test('rows of more than 90 days go, a hundred with each call', async () => {
      const { db } = database()
      await db.query(sql`truncate pgstrata.audit`)
      await db.query(sql`
        insert into pgstrata.audit (at, actor, action, outcome)
        select now() - interval '91 days', 'old', 'x', 'done' from generate_series(1, 150)
        union all
        select now() - interval '89 days', 'young', 'x', 'done'`)
      const audit = createAudit(db)
      const call = { actor: 'alice', address: '::1', action: 'POST /x', details: {} }
      const count = async (): Promise<number> => (await rows()).length
      await audit.begin(call)
      expect(await count()).toBe(50 + 1 + 1)
      await audit.begin(call)
      expect(await count()).toBe(1 + 2)
    })
  },
  async ({ db }) => await db.withSession(async (session) => void (await ensureInstalled(session))),
)
