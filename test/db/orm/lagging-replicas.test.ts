// With replicas that stand still or lag at random, an application sees what it sees on one server: what it wrote, and never
// less than it saw before. Where it asks for no more, those same replicas do give it stale reads.

import { describe, expect, test } from 'vitest'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { versions } from '../../support/postgres.ts'
import { scaled } from '../../support/property.ts'
import { apps, outcomesOf, referenceOf } from './apps.ts'
import type { Outcome } from './journal.ts'
import { createMusic } from './music.ts'
import { createDisturbance, startWithReplicas, useReplicas, usesOf } from './replicas.ts'

const maxRuns = 8

const stepsOf = (outcomes: readonly Outcome[]): Readonly<Record<string, unknown>> => Object.fromEntries(outcomes)

describe.each(versions)('an application on a primary and two lagging replicas of PostgreSQL %d', (version) => {
  const database = useReplicas(version, createMusic)

  describe.each(apps)('$name', (app) => {
    test.each([
      { where: 'in a session', session: true },
      { where: 'in its own process', session: false },
    ])('sees $where what it sees on one server, and reads from replicas', async ({ where, session }) => {
      const { cluster, db, calm } = database()
      const reference = await referenceOf(app, database())
      const disturb = createDisturbance(cluster.replicas, `${app.name} ${where}`)
      const served = { primary: 0, replicas: 0 }
      // Where chance left the replicas behind all the way, once more.
      for (let run = 0; run < scaled(1) || (served.replicas <= 5 && run < maxRuns); run++) {
        await calm()
        const pool = new StrataPool(database().config)
        await startWithReplicas(pool)
        const before = usesOf(pool)
        const work = (): Promise<readonly Outcome[]> => outcomesOf(app, { pool, db, disturb })
        expect(await (session ? pool.scope(undefined, work) : work())).toEqual(reference)
        served.primary += usesOf(pool).primary - before.primary
        served.replicas += usesOf(pool).replicas - before.replicas
      }
      await calm()
      console.log(`${app.name} ${where}: the primary served ${served.primary}, the replicas ${served.replicas}`)
      expect(served.replicas).toBeGreaterThan(5)
    })

    test('has stale reads where it asks for no more', async () => {
      const { cluster, config, db, calm } = database()
      const reference = stepsOf(await referenceOf(app, database()))
      await calm()
      const pool = new StrataPool({ ...config, consistency: 'eventual' })
      await startWithReplicas(pool)
      for (const replica of cluster.replicas) await replica.pauseReplay()
      const outcomes = stepsOf(await outcomesOf(app, { pool, db }))
      await calm()
      expect(outcomes['insert returning']).toEqual(reference['insert returning'])
      expect(outcomes['select']).not.toEqual(reference['select'])
      expect(outcomes['balances']).not.toEqual([])
    })
  })
})
