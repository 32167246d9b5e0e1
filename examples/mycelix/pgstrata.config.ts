import { defineConfig } from 'pgstrata'

export default defineConfig({
  database: { primary: process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:54320/mycelix' },
  dev: { version: 18, replicas: 1, database: 'mycelix' },
  tables: {
    // The migrations fill it, so it is a table with rows by then: `pgstrata convert play` turns it round, live.
    play: { time: 'played_at', partition: 'month', ahead: 6, accept: ['wider-keys'] },
  },
})
