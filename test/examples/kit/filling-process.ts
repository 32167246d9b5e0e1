// A process that fills an app's server and is not done: it says where, and stays.
//   node --import … test/examples/kit/filling-process.ts <folder>

import { openEmbedded } from 'pgstrata-example-kit'
import { openDb, sql } from 'pgstrata'

await openEmbedded({
  folder: process.argv[2] ?? '',
  fill: {
    work: async ({ url }) => {
      const db = openDb({ url })
      await db.query(sql`create table song (title text)`)
      await db.query(sql`insert into song values ('Half a song')`)
      process.stdout.write(`${url}\n`)
      await new Promise(() => setInterval(() => undefined, 60_000))
    },
  },
})
