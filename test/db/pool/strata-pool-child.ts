// A process of its own that uses a pool; what it prints is looked at by pool-life.test.ts. It must end by itself.
//   node --import ./test/support/typescript.mjs test/db/pool/strata-pool-child.ts plain postgres://primary postgres://replica
// plain: one query, then the end. throwing: a listener of the pool throws at every event.

import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { waitUntil } from '../../support/wait.ts'
import { usesOf } from './strata-pool-support.ts'

const [, , mode, primary, replica] = process.argv
const pool = new StrataPool({
  connectionString: primary ?? '',
  replicas: [{ connectionString: replica ?? '' }],
})

async function useInSession(): Promise<void> {
  let caught = 0
  process.on('uncaughtException', (error) => {
    if (error.message !== 'from a listener') throw error
    caught++
  })
  pool.on('node' as 'error', () => {
    throw new Error('from a listener')
  })
  await pool.start()
  await waitUntil(() => caught > 0, { what: 'an error of the listener' })
  for (let round = 0; round < 3; round++) {
    // Only a monitor that goes on finds that the replica has reached what was written.
    await pool.scope(undefined, async () => {
      await pool.query('insert into notes values (-1)')
      const before = usesOf(pool, 'replica-1')
      await waitUntil(
        async () => {
          await pool.query('select id from notes limit 1')
          return usesOf(pool, 'replica-1') > before
        },
        { what: 'a read on the replica' },
      )
    })
  }
  process.stdout.write('the replica serves\n')
}

if (mode === 'throwing') await useInSession()
const { rows } = await pool.query<{ n: number }>('select 1 as n')
process.stdout.write(`${rows[0]?.n}\n`)
await pool.end()
process.stdout.write('ended\n')
