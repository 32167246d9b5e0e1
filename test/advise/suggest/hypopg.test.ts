// With hypopg the planner itself judges: Debian's PostgreSQL 15 with its own hypopg.

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { QueryPlanAnalyzer } from '../../../src/index.ts'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { startDebianPostgres, type DebianPostgres } from '../../support/debian-postgres.ts'
import { skipped } from '../../support/versions.ts'
import { createSongs } from '../songs.ts'

describe.skipIf(skipped.has('hypopg'))('with hypopg', () => {
  let server: DebianPostgres
  let db: Db
  let pool: pg.Pool
  let analyzer: QueryPlanAnalyzer

  beforeAll(async () => {
    server = await startDebianPostgres({})
    db = openDb({ url: server.url })
    await createSongs(db)
    await db.query(sql`create schema "Odd Place"; create extension hypopg schema "Odd Place"`)
    pool = new pg.Pool({ connectionString: server.url, max: 1 })
    analyzer = new QueryPlanAnalyzer(pool)
  }, 60_000)
  afterAll(async () => {
    await pool.end()
    await db.close()
    await server.stop()
  })

  test.each([
    ['a value', 'select * from plays where song_id = $1', [77], ['("song_id")']],
    ['any value', 'select * from plays where song_id = $1', undefined, ['("song_id")']],
    [
      'both branches of an OR',
      'select * from plays where song_id = $1 or listener = $2',
      [7, 'listener7'],
      ['("song_id")', '("listener")'],
    ],
    [
      'order and limit',
      'select * from plays where listener = $1 order by played_at desc limit 10',
      ['listener5'],
      ['("listener", "played_at")'],
    ],
    [
      'a partial one',
      `select * from songs where strategy = 'gift' order by released_on limit 10`,
      [],
      [`("released_on") where "strategy" = 'gift'`],
    ],
  ])('verifies an index for %s', async (_name, text, params, indexes) => {
    const suggestions = await analyzer.suggestIndexes(text, params)
    expect(suggestions.map(({ ddl }) => ddl.replace(/^.* on "public"."\w+" /, '')).toSorted()).toEqual(
      indexes.toSorted(),
    )
    for (const { confidence, costBefore, costAfter, sizeBytes } of suggestions) {
      expect(confidence).toBe('verified')
      expect(costAfter).toBeLessThan(costBefore * 0.9)
      expect(sizeBytes).toBeGreaterThan(100_000)
    }
    expect(String(suggestions[0])).toContain('(verified with hypopg)')
  })

  test('the cost it says is the cost with the index itself', async () => {
    const text = 'select * from plays where song_id = 77'
    const [suggestion] = await analyzer.suggestIndexes(text)
    await db.query(sql.raw(suggestion?.ddl ?? ''))
    await db.query(sql`vacuum analyze plays`)
    try {
      const { root } = await analyzer.explainDetailed(text)
      expect((suggestion?.costAfter ?? 0) / root.cost.total).toBeGreaterThan(0.9)
      expect((suggestion?.costAfter ?? 0) / root.cost.total).toBeLessThan(1.1)
      expect(await analyzer.suggestIndexes(text)).toEqual([])
    } finally {
      await db.query(sql.raw(suggestion?.undo ?? ''))
    }
  })

  test('what hypopg cannot foresee (GIN) is estimated, and what the planner would not use is not suggested', async () => {
    const [gin] = await analyzer.suggestIndexes('select * from songs where data @> $1', [{ mood: 'm7' }])
    expect(gin).toMatchObject({ method: 'gin', confidence: 'estimated' })
    expect(await analyzer.suggestIndexes('select * from plays where amount >= $1', [5])).toEqual([])
    expect(await analyzer.suggestIndexes('select count(*) from plays p join songs s on s.id = p.song_id')).toEqual([])
  })

  test('none of them stays on the connection', async () => {
    await analyzer.suggestIndexes('select * from plays where song_id = 77')
    const { rows } = await pool.query('select count(*)::int as left from "Odd Place".hypopg_list_indexes')
    expect(rows).toEqual([{ left: 0 }])
  })
})
