// A process that converts a table and tells of every step, one line each: for tests that kill it.
//   node --import jiti/register test/partitions/convert/runner.ts '{"url":"…","declared":{…},"full":true}'

import { openDb } from '../../../src/db/pg-db.ts'
import type { PartitionedTable } from '../../../src/partitions/options.ts'
import { openConversion } from './support.ts'

const { url, declared, full } = JSON.parse(process.argv[2] ?? '{}') as {
  url: string
  declared: PartitionedTable
  full: boolean
}
const db = openDb({ url })
const outcome = await openConversion(db, {
  ladder: { firstTimeoutMs: 50, lastTimeoutMs: 200, tries: 20, concurrentTimeoutMs: 60_000 },
}).convert(declared, {
  full,
  onEvent: (event) => void process.stdout.write(`${event.type} ${'state' in event ? event.state : ''}\n`),
})
process.stdout.write(`ended ${outcome.ending}\n`)
await db.close()
