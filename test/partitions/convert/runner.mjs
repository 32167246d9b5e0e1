// A process that converts a table and tells of every step, one line each: for tests that kill it. It runs what is built, as the
// command's tests do: compiling the sources takes ten times as long as a kill.
//   node test/partitions/convert/runner.mjs '{"url":"…","declared":{…},"full":true}'

import { openDb } from '../../../dist/db/pg-db.js'
import { createConversion } from '../../../dist/partitions/convert/index.js'

const { url, declared, full } = JSON.parse(process.argv[2] ?? '{}')
const db = openDb({ url })
const outcome = await createConversion({
  db,
  ladder: { firstTimeoutMs: 50, lastTimeoutMs: 200, tries: 20, concurrentTimeoutMs: 60_000 },
}).convert(declared, {
  full,
  onEvent: (event) => void process.stdout.write(`${event.type} ${'state' in event ? event.state : ''}\n`),
})
process.stdout.write(`ended ${outcome.ending}\n`)
await db.close()
