// Behind PgBouncer in transaction mode, one before each node, an application sees what it sees on one server it is connected
// to directly, whatever the replicas do: though statements have no names there, and each may meet another server connection.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { startPgBouncer, type PgBouncer } from '../../support/pgbouncer.ts'
import { scaled } from '../../support/property.ts'
import { apps, outcomesOf, referenceOf } from './apps.ts'
import { createMusic } from './music.ts'
import { createDisturbance, startWithReplicas, useReplicas, usesOf } from './replicas.ts'

const maxRuns = 8

describe('an application behind PgBouncer in transaction mode', () => {
  const database = useReplicas(18, createMusic)
  const poolers: PgBouncer[] = []
  const config = (): StrataPoolConfig => {
    const [primary, ...replicas] = poolers.map(({ url }) => url)
    return {
      connectionString: primary,
      replicas: replicas.map((connectionString) => ({ connectionString, maxLag: '1h' })),
    }
  }

  beforeAll(async () => {
    const { cluster } = database()
    for (const node of [cluster.primary, ...cluster.replicas]) {
      poolers.push(await startPgBouncer(node.url(), 'transaction'))
    }
  })
  afterAll(async () => {
    await Promise.all(poolers.map((pooler) => pooler.close()))
  })

  describe.each(apps)('$name', (app) => {
    test('sees on the primary alone what it sees directly', async () => {
      const reference = await referenceOf(app, database())
      const pool = new StrataPool({ connectionString: config().connectionString })
      expect(await outcomesOf(app, { pool, db: database().db })).toEqual(reference)
    })

    test('sees in a session, with lagging replicas, what it sees directly, and reads from them', async () => {
      const { cluster, db, calm } = database()
      const reference = await referenceOf(app, database())
      const disturb = createDisturbance(cluster.replicas, `${app.name} behind PgBouncer`)
      const served = { primary: 0, replicas: 0 }
      for (let run = 0; run < scaled(1) || (served.replicas <= 5 && run < maxRuns); run++) {
        await calm()
        const pool = new StrataPool(config())
        await startWithReplicas(pool)
        const before = usesOf(pool)
        expect(await pool.scope(undefined, () => outcomesOf(app, { pool, db, disturb }))).toEqual(reference)
        served.primary += usesOf(pool).primary - before.primary
        served.replicas += usesOf(pool).replicas - before.replicas
      }
      await calm()
      console.log(`${app.name} behind PgBouncer: the primary served ${served.primary}, the replicas ${served.replicas}`)
      expect(served.replicas).toBeGreaterThan(5)
    })
  })
})
