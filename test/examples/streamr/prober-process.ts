// A prober as a process of its own, for tests that kill it. Prints a line for each batch that is committed; SIGTERM ends it in order.
//   node --import jiti/register test/examples/streamr/prober-process.ts postgres://…

import { openDb, StrataPool } from 'pgstrata'
import { openDatabase } from '../../../examples/streamr/src/database.ts'
import { openProber } from '../../../examples/streamr/src/prober/index.ts'
import { hurried } from './prober-hurry.ts'

const url = process.argv[2] ?? ''
const pool = new StrataPool({ connectionString: url })
const leases = openDb({ url })
const prober = openProber({
  db: openDatabase({ pool }),
  leases,
  settings: hurried,
  onWritten: (observations) => {
    const rows = observations.map(({ nodeId, atMs, result }) => ({ nodeId, atMs, type: result?.type }))
    process.stdout.write(`${JSON.stringify(rows)}\n`)
  },
})
const end = async (): Promise<void> => {
  await prober.close()
  await Promise.all([pool.end(), leases.close()])
}
process.once('SIGTERM', () => void end())
prober.start()
