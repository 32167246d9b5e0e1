// An application sees the same on a StrataPool without replicas as on pg.Pool: results, errors, and the state at the end.

import { describe, expect, test } from 'vitest'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { apps, outcomesOf, referenceOf } from './apps.ts'
import { createMusic } from './music.ts'

describeOnEachVersion(
  'a pool of one server',
  (_, database) => {
    describe.each(apps)('$name', (app) => {
      test('sees what it sees on pg.Pool', async () => {
        const reference = await referenceOf(app, database())
        const pool = new StrataPool({ connectionString: database().url })
        const outcomes = await outcomesOf(app, { pool, db: database().db })
        expect(outcomes).toEqual(reference)
        expect(pool).toMatchObject({ totalCount: 0, idleCount: 0, waitingCount: 0, ending: true, ended: true })
      })

      test('fails on pg.Pool where it means to, and only there', async () => {
        const reference = await referenceOf(app, database())
        const failed = reference.filter(([, value]) => value !== null && typeof value === 'object' && 'error' in value)
        expect(failed.map(([step]) => step)).toEqual(app.failing)
      })
    })
  },
  ({ db }) => createMusic(db),
)
