// Rollups and their lists as events, all as the configuration wires it: whose numbers changed, the new list when it is another one,
// and a refetch with the id of an event, which is never older.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defineConfig, resolveConfig } from '../../src/config/index.ts'
import { count } from '../../src/rollups/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata } from '../../src/strata.ts'
import { stopFeeds } from '../changes/feed/support.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { brief, testClient, type TestClient } from './support.ts'

const rollups = {
  song_plays: {
    from: 'plays',
    time: 'played_at',
    bucket: '1 hour',
    by: ['song'],
    measures: { plays: count() },
    totals: { windows: { '1d': '1 day' }, compute: { trending: 'plays_1d * 10' }, index: ['trending desc'] },
  },
} as const

describe.each(versions)('rollups as live events on PostgreSQL %d', (version) => {
  let database: TestDatabase
  const open: { close(): Promise<void> }[] = []
  beforeEach(async () => {
    database = await testDatabase(version)
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map((strata) => strata.close()))
    await stopFeeds(database, [])
    await database.close()
  })
  const run = async (text: string): Promise<void> => void (await database.db.query(sql.raw(text)))
  const play = async (...songs: readonly number[]): Promise<void> =>
    await run(`insert into plays values ${songs.map((song) => `(${song}, now())`).join(', ')}`)

  async function begin(source: 'wal' | 'outbox') {
    await run('create table plays (song int not null, played_at timestamptz not null)')
    const config = defineConfig({
      database: { primary: database.url },
      changes: { tables: ['plays'], source, cap: '64MB' },
      rollups,
      live: { rollups: ['song_plays'], tops: { song_plays: ['trending'] }, through: 'process' },
    })
    const strata = openStrata(resolveConfig(config, { root: '/', name: 'test' }))
    open.push(strata)
    await strata.apply()
    await strata.live.start()
    await strata.changes.start()
    await waitUntil(() => strata.changes.here.handled, { what: 'the feed consumes' })
    await waitUntil(() => strata.live.status().position, { what: 'live events know of it' })
    return strata
  }
  const lists = ({ told }: TestClient): string[] =>
    told
      .filter(({ name }) => name === 'top')
      .map(({ data }) => (data['rows'] as { song: number }[]).map(({ song }) => song).join(' '))

  test.each(['wal', 'outbox'] as const)('say whose numbers changed, and a refetch shows it, %s', async (source) => {
    const strata = await begin(source)
    const one = testClient()
    const every = testClient()
    strata.live.open({ topics: [{ rollup: 'song_plays', by: { song: 1 } }], address: 'a', sink: one })
    strata.live.open({ topics: [{ rollup: 'song_plays' }], address: 'a', sink: every })
    await play(2)
    await waitUntil(() => brief(every).length === 1, { what: 'the first' })
    await play(1, 1, 2)
    await waitUntil(() => brief(one).length > 0 && brief(every).length > 1, { what: 'the second' })
    // Of rows without a primary key an outbox knows no more than that something changed.
    expect(new Set([...brief(one), ...brief(every)])).toEqual(new Set(['changed']))
    expect(brief(one)).toHaveLength(source === 'wal' ? 1 : 2)
    const token = await strata.live.token(String(one.told.at(-1)?.data['id']))
    const rows = await strata.scope(token, async () => await strata.rollups.song_plays.by('song').rows())
    expect(rows.map(({ song, plays }) => [song, plays].join(': ')).toSorted()).toEqual(['1: 2', '2: 2'])
  })

  test('bring the list of those that trend when it is another one, and not before', async () => {
    const strata = await begin('wal')
    const client = testClient()
    strata.live.open({
      topics: [{ top: 'song_plays', orderBy: 'trending', limit: 2 }],
      address: 'a',
      sink: client,
    })
    await waitUntil(() => lists(client).length === 1, { what: 'the list' })
    await play(1, 1, 1, 2, 2, 3)
    await strata.rollup.merge('song_plays')
    await waitUntil(() => lists(client).includes('1 2'), { what: 'the list of the first merge' })
    await play(3)
    await strata.rollup.merge('song_plays')
    await play(3, 3)
    await strata.rollup.merge('song_plays')
    await waitUntil(() => lists(client).at(-1)?.startsWith('3') === true, { what: 'the list of the last merge' })
    expect(lists(client)[0]).toBe('')
    // Where nothing was another one, nothing was said.
    const said = lists(client).filter((list, index, all) => list === all[index - 1])
    const shown = client.told.filter(({ name }) => name === 'top').map(({ data }) => JSON.stringify(data['rows']))
    expect([said.length > 1, new Set(shown).size]).toEqual([false, shown.length])
    const token = await strata.live.token(String(client.told.at(-1)?.data['id']))
    const [first] = await strata.scope(
      token,
      async () => await strata.rollups.song_plays.totals().orderBy('trending', 'desc').limit(1).rows(),
    )
    expect(first).toMatchObject({ song: 3 })
  })
})
