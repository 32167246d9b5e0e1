// Each of the six views says what its raw statement says, whatever was written and whether or not it was merged: plays that come late or
// are dated ahead, amounts and listeners that change, songs that change artist, genre and strategy, deletes, months that are truncated.
// trending_score does once it is merged.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Db, Session } from '../../../src/db/db.ts'
import { sql, type Sql } from '../../../src/sql/sql.ts'
import { versions } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { differencesOf, sixViews, trendingDifferences } from './compared-views.ts'
import { useFilled, type Filled } from './filled.ts'

const day = 1_440

/** Minutes from now: at the edges of the windows, long ago, and ahead. */
const instant = fc.oneof(
  fc
    .tuple(fc.constantFrom(0, -day, -7 * day, -30 * day), fc.integer({ min: -130, max: 130 }))
    .map(([at, by]) => at + by),
  fc.integer({ min: -330 * day, max: 60 * day }),
)

const some = fc.record({ of: fc.integer({ min: 2, max: 9 }), rest: fc.nat(8) })
const song = fc.integer({ min: 1, max: 125 })

const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('play' as const),
      count: fc.integer({ min: 1, max: 150 }),
      first: song,
      listener: fc.nat(30),
      at: instant,
      stepS: fc.integer({ min: 0, max: 9_000 }),
    }),
  },
  fc.record({ kind: fc.constant('pay' as const), count: fc.nat(20), at: instant }),
  fc.record({ kind: fc.constant('amount' as const), some }),
  fc.record({ kind: fc.constant('listener' as const), some, to: fc.nat(30) }),
  fc.record({ kind: fc.constant('later' as const), some, minutes: fc.integer({ min: -9 * day, max: 9 * day }) }),
  fc.record({ kind: fc.constant('genre' as const), song, to: fc.nat(6) }),
  fc.record({ kind: fc.constant('artist' as const), song, to: fc.nat(11) }),
  fc.record({ kind: fc.constant('strategy' as const), song, to: fc.nat(3) }),
  fc.record({ kind: fc.constant('rename' as const), artist: fc.nat(11), listener: fc.nat(30) }),
  fc.record({ kind: fc.constant('delete' as const), some }),
  fc.record({ kind: fc.constant('forget' as const), song }),
  fc.record({ kind: fc.constant('truncate' as const), monthsAgo: fc.nat(3) }),
  fc.record({ kind: fc.constant('merge' as const) }),
)

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

const chosen = ({ of, rest }: { readonly of: number; readonly rest: number }): Sql =>
  sql`play_id % ${of}::int = ${rest}::int % ${of}::int`

function statementOf(one: Exclude<Operation, { kind: 'merge' }>): Sql {
  switch (one.kind) {
    case 'play':
      return sql`
        insert into plays (song_id, artist_address, genre, strategy, listener_address, played_at, duration_s, amount)
        select s.song_id, s.artist_address, s.genre, s.strategy, l.listener_address,
          now() + ${one.at} * interval '1 minute' - n * ${one.stepS} * interval '1 second', n % 200, (n % 7) * 0.001
        from generate_series(0, ${one.count}::int) as n
        join songs as s on s.song_id = 1 + (${one.first}::int + n * n) % 125
        join (select listener_address, row_number() over (order by listener_address) as place from listeners) as l
          on l.place = 1 + (${one.listener}::int + n) % 30`
    case 'pay':
      return sql`
        insert into payments (payer_address, artist_address, kind, amount, paid_at)
        select l.listener_address, a.artist_address, 'gift', n * 0.5, now() + ${one.at} * interval '1 minute'
        from generate_series(1, ${one.count}::int) as n
        cross join (select listener_address from listeners limit 1) as l
        cross join (select artist_address from artists limit 1) as a`
    case 'amount':
      return sql`update plays set amount = amount * 2 + 0.00000001, duration_s = duration_s + 1 where ${chosen(one.some)}`
    case 'listener':
      return sql`
        update plays
        set listener_address = (select listener_address from listeners order by 1 offset ${one.to} limit 1)
        where ${chosen(one.some)}`
    case 'later':
      // Within what partitions there are.
      return sql`
        update plays
        set played_at = played_at + ${one.minutes} * interval '1 minute'
        where ${chosen(one.some)}
          and played_at + ${one.minutes} * interval '1 minute'
            between now() - interval '350 days' and now() + interval '90 days'`
    case 'genre':
      return sql`update songs set genre = 'genre ' || ${one.to}::int where song_id = ${one.song}`
    case 'artist':
      return sql`
        update songs
        set artist_address = (select artist_address from artists order by 1 offset ${one.to} limit 1)
        where song_id = ${one.song}`
    case 'strategy':
      return sql`
        update songs
        set strategy = (array['pay-per-stream', 'gift-economy', 'patronage', 'auction'])[1 + ${one.to}::int]
        where song_id = ${one.song}`
    case 'rename':
      return sql`
        with listener as (
          update listeners
          set listener_address = listener_address || '*'
          where listener_address = (select listener_address from listeners order by 1 offset ${one.listener} limit 1)
        )
        update artists
        set artist_address = artist_address || '*'
        where artist_address = (select artist_address from artists order by 1 offset ${one.artist} limit 1)`
    case 'delete':
      return sql`delete from plays where ${chosen(one.some)}`
    case 'forget':
      return sql`delete from plays where song_id = ${one.song}`
    case 'truncate':
      return sql.raw(`truncate plays_${monthName(one.monthsAgo)}`)
  }
}

function monthName(monthsAgo: number): string {
  const now = new Date()
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsAgo))
  return month.toISOString().slice(0, 7).replace('-', '_')
}

/** Twelve artists, one of them without a song; 140 songs and 31 listeners, of which some are never played nor play; a genre apart. */
async function beginAnew(db: Db): Promise<void> {
  await db.query(sql`truncate plays, payments, songs, listeners, artists restart identity`)
  await db.query(
    sql`insert into artists (artist_address, artist_name) select 'a' || n, 'Artist ' || n from generate_series(1, 12) n`,
  )
  await db.query(sql`insert into listeners (listener_address) select 'l' || n from generate_series(1, 31) n`)
  await db.query(sql`
    insert into songs (title, artist_address, genre, strategy, created_at)
    select 'Song ' || n, 'a' || (1 + n % 11), case when n > 135 then 'unheard' else 'genre ' || n % 5 end,
      (array['pay-per-stream', 'gift-economy', 'patronage', 'auction'])[1 + n % 4], now() - n * interval '12 hours'
    from generate_series(1, 140) n`)
}

async function mergeAll({ strata }: Filled): Promise<void> {
  for (const { name } of strata.rollup.declared) await strata.rollup.merge(name)
}

/** At one instant. */
async function atOnce<T>(db: Db, work: (session: Session) => Promise<T>): Promise<T> {
  return await db.withSession(async (session) => {
    await session.query(sql`begin isolation level repeatable read read only`)
    try {
      return await work(session)
    } finally {
      await session.query(sql`rollback`)
    }
  })
}

async function holdsNow(db: Db): Promise<void> {
  await atOnce(db, async (session) => {
    for (const view of sixViews) expect(await differencesOf(session, view), view).toEqual([])
  })
}

const hourOf = async (on: Db | Session): Promise<unknown> =>
  (await on.query<{ hour: Date }>(sql`select date_trunc('hour', now(), 'UTC') as hour`)).rows[0]?.hour

/** Merged in the hour that it is compared in. */
async function trendingHolds(filled: Filled): Promise<void> {
  const { db } = filled
  for (;;) {
    const hour = await hourOf(db)
    await mergeAll(filled)
    const compared = await atOnce(db, async (session) => ({
      hour: await hourOf(session),
      differences: await trendingDifferences(session),
    }))
    if (String(compared.hour) !== String(hour)) continue
    expect(compared.differences).toEqual([])
    return
  }
}

describe.each(versions)('the six views on PostgreSQL %d', (version) => {
  const filled = useFilled(version)

  test('equal their raw statements after random writes, merged and not merged', async () => {
    const { db, strata } = filled()
    await checkProperty(
      `the six views on ${version}`,
      fc.array(operation, { minLength: 4, maxLength: 14, size: 'max' }),
      async (operations) => {
        await beginAnew(db)
        for (const one of operations) {
          if (one.kind === 'merge') await mergeAll(filled())
          else await db.query(statementOf(one))
        }
        await holdsNow(db)
        await trendingHolds(filled())
        await holdsNow(db)
      },
      { runs: 5 },
    )
    expect((await strata.rollup.status()).filter(({ findings }) => findings.length > 0)).toEqual([])
  })

  test('find the hundred of the week also behind songs whose plays have just left it', async () => {
    const { db } = filled()
    await beginAnew(db)
    // Totals count the whole first hour: 59 songs stand before 80 others, and behind them in truth. Song 1 is far ahead of all.
    await db.query(sql`
      insert into plays (song_id, artist_address, genre, strategy, listener_address, played_at, duration_s)
      select s.song_id, s.artist_address, s.genre, s.strategy, 'l1', play.at, 1
      from songs as s
      cross join lateral (
        select date_trunc('hour', now() - interval '7 days', 'UTC') as at
        from generate_series(1, 3)
        where s.song_id between 2 and 60
        union all
        select now() - interval '3 days'
        from generate_series(1, case when s.song_id = 1 then 10 when s.song_id <= 60 then 1 else 2 end)
      ) as play`)
    await mergeAll(filled())
    await holdsNow(db)
    const { rows } = await db.query(
      sql`select song_id::int as song, plays::int as plays from mv_top_songs_week where rank in (1, 2, 81, 82) order by rank`,
    )
    expect(rows).toEqual([
      { song: 1, plays: 10 },
      { song: 61, plays: 2 },
      { song: 140, plays: 2 },
      { song: 2, plays: 1 },
    ])
  })
})
