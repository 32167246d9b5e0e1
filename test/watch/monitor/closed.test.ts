// The monitor of a Strata that was closed.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { resolveConfig } from '../../../src/config/index.ts'
import { openStrata } from '../../../src/strata.ts'
import { useDatabase } from '../../support/postgres.ts'

const database = useDatabase(18)

const open = () => openStrata(resolveConfig({ database: { primary: database().url } }, { root: '/', name: 'test' }))

test('one that was there can still be read, and is the same', async () => {
  const strata = open()
  const { monitor } = strata
  await strata.query(sql`select 1`)
  await strata.close()
  expect(strata.monitor).toBe(monitor)
  expect(strata.monitor.getStats().count).toBe(1)
})

test('none is made any more where there was none', async () => {
  const strata = open()
  await strata.close()
  expect(() => strata.monitor).toThrow(expect.objectContaining({ code: 'POOL_CLOSED' }))
})
