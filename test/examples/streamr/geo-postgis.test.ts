// Friends by distance where PostGIS is installed, on the distribution's PostgreSQL 15; and both ways beside each other.

import { describe, test } from 'vitest'
import { startDebianPostgres } from '../../support/debian-postgres.ts'
import { testDatabase } from '../../support/postgres.ts'
import { checkPlaces, describeGeo, prepareGeo } from './geo-cases.ts'

const start = async (): Promise<{ url: string; close(): Promise<void> }> => {
  const server = await startDebianPostgres({})
  return { url: server.url, close: () => server.stop() }
}

describeGeo('postgis', start)

describe('both ways', () => {
  test('give the same answers to the same random places', async () => {
    const prepared = [await prepareGeo(await start()), await prepareGeo(await testDatabase(18))]
    try {
      await checkPlaces(prepared)
    } finally {
      for (const one of prepared) await one.close()
    }
  })
})
