// Plays that are old go to a folder of files: what is counted of them stays, they are asked in SQL together with those that are still
// here, and they come back as they were, if their songs are what they were.

import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Strata } from 'pgstrata'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { openOn, useFilled } from './filled.ts'

const now = new Date()
/** Three months ago: all of it is there, and it is no edge of the year. */
const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 3)).toISOString().slice(0, 7)
const partition = `plays_${month.replace('-', '_')}`

describeOnEachVersion('plays of mycelix that are old', (version) => {
  const filled = useFilled(version, { plays: 4_000 })
  let strata: Strata
  let base: string
  let store: string

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'pgstrata-test-'))
    store = join(base, 'cold')
    const archive = { to: store, work: join(base, 'work'), cache: { dir: join(base, 'cache') } }
    strata = openOn(filled().url, { archive })
  })
  afterAll(async () => {
    await strata.close()
    await rm(base, { recursive: true, force: true })
  })

  const textsOf = async (query: string): Promise<readonly string[]> => {
    const { rows } = await filled().db.query<{ row: string }>(
      sql.raw(`select t::text as row from (${query}) as t order by 1`),
    )
    return rows.map(({ row }) => row)
  }

  /** Of the views over rollups: what does not hang on the moment. */
  const countedOf = async (): Promise<readonly string[]> => [
    ...(await textsOf('select total_plays, total_listeners from mv_platform_stats')),
    ...(await textsOf('select artist_address, total_plays, unique_listeners, total_earnings from mv_artist_analytics')),
    ...(await textsOf('select song_id, play_count, total_earnings, avg_play_duration from mv_song_analytics')),
    ...(await textsOf('select genre, total_plays, total_earnings, unique_listeners from mv_genre_stats')),
  ]

  const playsOf = async (): Promise<string> =>
    createHash('sha256')
      .update((await textsOf('select * from plays')).join('\n'))
      .digest('hex')

  test('are archived, asked together with the others, and restored', async () => {
    const counted = await countedOf()
    const plays = await playsOf()
    const genres = `
      select s.genre, count(*) as plays, sum(p.amount) as earned
      from plays as p
      join songs as s using (song_id)
      group by s.genre`
    const before = await textsOf(genres)
    const old = await textsOf(`select * from ${partition}`)
    expect(old.length).toBeGreaterThan(50)

    expect(await strata.tiers.move('plays', partition, 'archive')).toMatchObject({
      state: 'archived',
      rows: old.length,
    })
    expect(await playsOf()).toBe(plays)
    expect(await strata.tiers.move('plays', partition, 'drop')).toMatchObject({ state: 'cold' })
    const left = await textsOf('select * from plays')
    expect(left.filter((row) => old.includes(row))).toEqual([])
    expect((await readdir(store, { recursive: true })).filter((name) => name.endsWith('.parquet'))).toEqual([
      expect.stringContaining(join('year=' + month.slice(0, 4), 'month=' + month.slice(5))),
    ])
    expect(await countedOf()).toEqual(counted)

    const archives = strata.archive
    if (archives === undefined) throw new Error('no archive is declared')
    const { rows } = await archives.query(genres)
    expect(rows.map((row) => `(${row.join(',')})`.replaceAll(' ', '')).toSorted()).toEqual(
      before.map((row) => row.replaceAll(/[" ]/g, '')).toSorted(),
    )
    const alone = await archives.query('select count(*) from plays', { live: 'none' })
    expect(alone.rows).toEqual([[String(old.length)]])

    expect(await archives.restore('plays', partition)).toMatchObject({ state: 'hot' })
    expect(await playsOf()).toBe(plays)
    expect(await countedOf()).toEqual(counted)
    expect(await strata.rollup.verify('song_plays')).toMatchObject({ different: 0 })
  })

  test('do not come back beside a song that is another by now', async () => {
    const { db } = filled()
    const archives = strata.archive
    const songs = sql`(select song_id from ${sql.ident(partition)} order by song_id limit 1)`
    await strata.tiers.move('plays', partition, 'archive')
    const { rows } = await db.query<{ song_id: string; genre: string }>(
      sql`select song_id, genre from songs where song_id = ${songs}`,
    )
    const [song] = rows
    await strata.tiers.move('plays', partition, 'drop')
    await db.query(sql`update songs set genre = 'Polka' where song_id = ${song?.song_id}::bigint`)
    await expect(archives?.restore('plays', partition)).rejects.toMatchObject({
      code: 'TIER_FAILED',
      details: { sqlstate: '23503' },
    })
    expect(await textsOf(`select 1 where to_regclass('${partition}') is not null`)).toEqual([])
    await db.query(sql`update songs set genre = ${song?.genre} where song_id = ${song?.song_id}::bigint`)
    expect(await archives?.restore('plays', partition)).toMatchObject({ state: 'hot' })
  })
})
