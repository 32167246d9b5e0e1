import { expect, it } from 'vitest'
import { planSettings, renderSettings } from '../../src/embedded/settings.ts'

const plain = { settings: {}, preload: [], durable: true, kept: true }

it('puts what is asked for above the defaults, and what has to be above all', () => {
  const shared = planSettings({
    ...plain,
    settings: { MAX_Connections: '7', 'pg_stat_statements.max': '100' },
    preload: ['a', 'b'],
  })
  expect(shared).toMatchObject({
    max_connections: '7',
    'pg_stat_statements.max': '100',
    shared_preload_libraries: 'a,b',
    wal_level: 'logical',
  })
  const text = renderSettings(shared, 5433, { port: 5432, slot: 'replica_1', name: 'replica-1' })
  expect(text).toContain("\nport = '5433'\nlisten_addresses = '127.0.0.1'\n")
  expect(text).toContain(
    "primary_conninfo = 'host=127.0.0.1 port=5432 user=postgres application_name=replica-1'\nprimary_slot_name = 'replica_1'\n",
  )
  expect(renderSettings(shared, 5433, undefined)).not.toContain('primary_')
})

it('quotes values as postgresql.conf reads them', () => {
  const shared = planSettings({ ...plain, settings: { search_path: `it's, "C:\\x"` } })
  expect(renderSettings(shared, 1, undefined)).toContain(`search_path = 'it''s, "C:\\\\x"'`)
})

it('gives up durability only where it is asked to', () => {
  expect(planSettings(plain)).not.toHaveProperty('fsync')
  expect(planSettings({ ...plain, durable: false })).toMatchObject({ fsync: 'off', full_page_writes: 'off' })
})
