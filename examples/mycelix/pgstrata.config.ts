import { defineConfig } from 'pgstrata'

export default defineConfig({
  database: { primary: process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:54320/mycelix' },
  dev: { version: 18, replicas: 1, database: 'mycelix' },
})
