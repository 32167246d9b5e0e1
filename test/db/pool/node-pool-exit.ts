// A process that uses a pool and does not end it, or with "end" does. It must end by itself, and not before its work is
// done.
//   node --import ./test/support/typescript.mjs test/db/pool/node-pool-exit.ts postgres://… end

import pg from 'pg'
import { systemClock } from '../../../src/base/clock.ts'
import { createDeadlines } from '../../../src/base/deadlines.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { NodePool, type PooledClient } from '../../../src/db/pool/connections/node-pool.ts'

const nothing = (): void => {}
const pool = new NodePool({
  name: 'primary',
  target: 'somewhere',
  connect: () => new pg.Client({ connectionString: process.argv[2] }),
  max: 1,
  min: 0,
  idleTimeoutMs: 3_600_000,
  connectTimeoutMs: 3_600_000,
  maxWaiting: 10,
  maxUses: 0,
  maxLifetimeMs: 3_600_000,
  leakAfterMs: 0,
  warnAt: 0.8,
  allowExitOnIdle: true,
  clock: systemClock,
  random: systemRandom,
  deadlines: createDeadlines(systemClock),
  events: { connect: nothing, remove: nothing, error: nothing, warning: nothing, exhausted: nothing, leak: nothing },
})

for (let use = 0; use < 2; use++) {
  const client = await new Promise<PooledClient>((resolve, reject) => {
    pool.acquire((error, given) => {
      if (given === undefined) reject(error ?? new Error('no client'))
      else resolve(given)
    })
  })
  await client.query('select pg_sleep(0.1)')
  pool.release(client)
}
process.stdout.write(`used twice, ${pool.idle} idle\n`)
if (process.argv[3] === 'end') {
  await pool.end()
  process.stdout.write(`ended, ${pool.idle} idle\n`)
}
