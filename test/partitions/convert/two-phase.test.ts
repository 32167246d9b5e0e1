// Transactions that were prepared for a two-phase commit while a table is copied: they hold their locks without a backend, and
// end whenever somebody says so.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { versions } from '../../support/postgres.ts'
import { byHash, contentOf, createPlays, declare, openConversion } from './support.ts'

describe.each(versions)('a prepared transaction on PostgreSQL %d', (version) => {
  let cluster: EmbeddedCluster
  let db: Db

  beforeAll(async () => {
    cluster = await startCluster({ version, inMemory: true, settings: { max_prepared_transactions: '5' } })
    db = openDb({ url: cluster.primary.url() })
  })
  afterAll(async () => {
    await db.close()
    await cluster.stop()
  })

  test.each(['capturing', 'copying', 'swapping'] as const)(
    'of before it was %s is waited for, and not lost',
    async (state) => {
      const table = `prepared ${state}`
      await createPlays(db, table, 500)
      let open = false
      let waited = 0
      const outcome = await openConversion(db).convert(declare(table, byHash), {
        full: true,
        onEvent: async (event) => {
          if (event.type === 'state' && event.state === state) {
            open = true
            await db.query(sql.raw(`begin; delete from "${table}" where id < 50; prepare transaction 'two'`))
          }
          if (event.type !== 'busy' || !open || ++waited < 2) return
          open = false
          await db.query(sql.raw(`commit prepared 'two'`))
        },
      })
      expect(outcome.ending).toBe('done')
      expect(waited).toBe(2)
      expect((await contentOf(db, table)).rows).toBe('451')
    },
  )
})
