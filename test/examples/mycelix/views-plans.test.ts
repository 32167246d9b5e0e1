// The example queries of the original design on 200,000 plays: what their plans touch. No month of plays is looked at that the interval
// does not cut, nothing large is read but by an index, and trending songs come in the order of an index, so that no more of
// them are looked up than are asked for.

import { beforeAll, describe, expect, test } from 'vitest'
import { generate } from '../../../examples/mycelix/src/generator/generate.ts'
import { sql } from '../../../src/sql/sql.ts'
import { versions } from '../../support/postgres.ts'
import { useFilled } from './filled.ts'

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Loops': number
  readonly 'Actual Rows': number
  readonly Plans?: readonly Node[]
}

const plays = 200_000
const isMonth = (name: string): boolean => /^plays_\d{4}_\d{2}$/.test(name)

describe.each(versions)('the example queries on PostgreSQL %d', (version) => {
  const filled = useFilled(version)
  beforeAll(async () => {
    const { strata, db } = filled()
    // More songs and listeners than so many plays would get by themselves: as many as there are of millions.
    await db.query(sql`
      insert into artists (artist_address, artist_name, created_at)
      select 'artist ' || n, 'Artist ' || n, now() - interval '2 years'
      from generate_series(1, 400) as n`)
    await db.query(sql`
      insert into listeners (listener_address, created_at)
      select 'listener ' || n, now() - interval '2 years'
      from generate_series(1, 5000) as n`)
    await db.query(sql`
      insert into songs (title, artist_address, genre, strategy, created_at)
      select 'Song ' || n, 'artist ' || (1 + n % 400), 'genre ' || n % 12, 'patronage', now() - interval '2 years'
      from generate_series(1, 3000) as n`)
    await generate(strata, { plays, seed: 7 })
    for (const { name } of strata.rollup.declared) await strata.rollup.merge(name)
    await db.query(sql`vacuum analyze`)
  })

  async function explain(query: string): Promise<readonly Node[]> {
    const { rows } = await filled().db.query<{ 'QUERY PLAN': readonly { Plan: Node }[] }>(
      sql.raw(`explain (analyze, costs off, timing off, format json) ${query}`),
    )
    const walk = (node: Node): readonly Node[] => [node, ...(node.Plans ?? []).flatMap(walk)]
    return rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => walk(Plan)))
  }

  async function first(text: string): Promise<string> {
    const { rows } = await filled().db.query<{ it: string }>(sql.raw(text))
    return rows[0]?.it ?? ''
  }

  /** What a plan reads from end to end, of all that grows with the number of plays. */
  function readWhole(nodes: readonly Node[]): readonly string[] {
    return nodes
      .filter((node) => node['Node Type'] === 'Seq Scan' && node['Actual Loops'] > 0 && node['Actual Rows'] > 0)
      .map((node) => node['Relation Name'] ?? '')
      .filter((name) => !name.includes('_catalog_'))
      .filter((name) => isMonth(name) || /_merged$|_values$|listeners_totals$|artists_totals$/.test(name))
  }

  const monthsTouched = (nodes: readonly Node[]): readonly string[] => [
    ...new Set(
      nodes
        .filter((node) => node['Actual Loops'] > 0 && isMonth(node['Relation Name'] ?? ''))
        .map((node) => node['Relation Name'] ?? ''),
    ),
  ]

  /** Those in which the windows of a day, a week and a month begin, and that of now. */
  const monthsCut = async (): Promise<readonly string[]> => {
    const { rows } = await filled().db.query<{ name: string }>(sql`
      select 'plays_' || to_char((now() - back) at time zone 'UTC', 'YYYY_MM') as name
      from unnest('{0 days,1 day,7 days,30 days}'::interval[]) as back`)
    return rows.map(({ name }) => name)
  }

  test('trending songs come from the index, and twenty of them are looked up', async () => {
    const nodes = await explain('select * from mv_song_analytics order by trending_score desc limit 20')
    const merged = nodes.find((node) => node['Node Type'] === 'Merge Append')
    const [ordered] = merged?.Plans ?? []
    expect(ordered).toMatchObject({ 'Relation Name': 'song_plays_totals' })
    expect(ordered?.['Node Type']).toMatch(/^Index (Only )?Scan$/)
    expect(ordered?.['Actual Rows']).toBeLessThanOrEqual(21)
    const lookedUp = nodes.find((node) => node['Relation Name'] === 'songs' && node['Node Type'] === 'Index Scan')
    expect(lookedUp?.['Actual Loops']).toBe(20)
    expect(readWhole(nodes)).toEqual([])
    expect(await monthsCut()).toEqual(expect.arrayContaining([...monthsTouched(nodes)]))
  })

  test('an artist, the week and the genres touch the months that the windows begin in', async () => {
    const artist = await first('select artist_address as it from artist_plays_totals order by plays desc limit 1')
    for (const query of [
      `select * from mv_artist_analytics where artist_address = '${artist}'`,
      'select * from mv_top_songs_week where rank <= 10',
      'select * from mv_platform_stats',
      'select * from mv_genre_stats order by popularity_rank',
    ]) {
      const nodes = await explain(query)
      expect(readWhole(nodes), query).toEqual([])
      const ahead = monthsTouched(nodes).filter((month) => month > monthOfNow())
      const touched = monthsTouched(nodes).filter((month) => !ahead.includes(month))
      // The newest play of an artist is looked for from the last partition on: those that are ahead are empty.
      if (!query.includes('artist_address')) expect(ahead, query).toEqual([])
      expect(await monthsCut(), query).toEqual(expect.arrayContaining([...touched]))
    }
  })

  test('a listener is read from the index of listeners alone', async () => {
    const listener = await first(`
      select listener_address as it
      from listener_tastes
      group by listener_address
      order by sum(plays) desc
      offset 500
      limit 1`)
    const nodes = await explain(`select * from mv_listener_activity where listener_address = '${listener}'`)
    expect(readWhole(nodes)).toEqual([])
    const ofPlays = nodes.filter((node) => isMonth(node['Relation Name'] ?? '') && node['Actual Rows'] > 0)
    expect(ofPlays.length).toBeGreaterThan(0)
    for (const node of ofPlays) expect(node['Node Type']).toMatch(/^(Index Only Scan|Bitmap Heap Scan)$/)
  })

  test('who asks for one song, or for those of a genre by trend, reads no others', async () => {
    const song = await first('select song_id::text as it from song_plays_totals order by plays desc limit 1')
    const one = await explain(`select * from mv_song_analytics where song_id = ${song}`)
    expect(readWhole(one)).toEqual([])
    expect(one.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'songs')).toEqual([])
    const genre = await first('select genre as it from genre_plays_totals order by plays desc limit 1')
    const some = await explain(
      `select * from mv_song_analytics where genre = '${genre}' order by trending_score desc limit 20`,
    )
    expect(readWhole(some)).toEqual([])
    const ofSongs = some.filter((node) => node['Relation Name'] === 'song_audience_totals')
    expect(ofSongs.map((node) => node['Actual Loops'])).toEqual([20])
  })
})

function monthOfNow(): string {
  return `plays_${new Date().toISOString().slice(0, 7).replace('-', '_')}`
}
