import { defineConfig } from 'pgstrata'

export default defineConfig({
  database: { primary: process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:54320/mycelix' },
  dev: {
    version: 18,
    replicas: 1,
    database: 'mycelix',
    preload: ['pg_stat_statements'],
    settings: { track_io_timing: 'on' },
  },
  tables: {
    // The migrations fill it, so it is a table with rows by then: `pgstrata convert play` turns it round, live.
    play: { time: 'played_at', partition: 'month', ahead: 6, accept: ['wider-keys'] },
  },
  watch: {},
  alerts: {
    rules: {
      // Made to be tried: `update play set amount = amount + 0.01`, again and again for two minutes (WAL is measured once a minute).
      MuchWritten: {
        metric: 'pgstrata_wal_bytes_total',
        over: '100kB',
        for: '5s',
        severity: 'info',
        summary: '{value} of WAL',
      },
    },
  },
  server: {},
  jobs: {
    own: {
      // Something to see: a few plays a second, and somebody who asks for the charts.
      listeners: {
        every: '2s',
        sql: [
          `insert into play (song_id, listener, duration_s, amount)
           select 1 + floor(random() * 20), 'listener ' || floor(random() * 40), 30 + floor(random() * 200), 0.01
           from generate_series(1, 5)`,
          `select s.title, count(*) from play p join song s on s.id = p.song_id group by s.title order by 2 desc limit 10`,
        ],
      },
    },
  },
})
