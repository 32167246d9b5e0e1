// A process that converts a table and tells of every step, one line each: for tests that kill it. It runs what is built, as the
// command's tests do: compiling the sources takes ten times as long as a kill.
//   node test/partitions/convert/runner.mjs '{"url":"…","declared":{…},"full":true}'
// With "standsStill": "settling" it does nothing more after the line of that state: what it would do next may be the end.

import { writeSync } from 'node:fs'
import { openDb } from '../../../dist/db/pg-db.js'
import { createConversion } from '../../../dist/partitions/convert/index.js'

const { url, declared, full, standsStill } = JSON.parse(process.argv[2] ?? '{}')
const db = openDb({ url })
const outcome = await createConversion({
  db,
  ladder: { firstTimeoutMs: 50, lastTimeoutMs: 200, tries: 20, concurrentTimeoutMs: 60_000 },
}).convert(declared, {
  full,
  onEvent: (event) => {
    const state = 'state' in event ? event.state : ''
    writeSync(1, `${event.type} ${state}\n`)
    if (state !== '' && state === standsStill) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
})
writeSync(1, `ended ${outcome.ending}\n`)
await db.close()
