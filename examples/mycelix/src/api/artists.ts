// Artists: found by name, and one by address with its numbers, its songs and what it earned by the day.

import { sql, type Sql } from 'pgstrata'
import { defineFields, params, query, short, word, type App } from 'pgstrata-example-kit'
import { artistColumns, readRow } from '../db/columns.ts'
import type { ApiContext } from './context.ts'
import { days, limit } from './schemas.ts'
import type { MycelixStrata } from '../strata.ts'

const artistFields = defineFields(...(Object.keys(artistColumns) as (keyof typeof artistColumns)[]))
const foundColumns = { artist_address: 'text', artist_name: 'text', total_plays: 'count' } as const
const foundFields = defineFields('artist_address', 'artist_name', 'total_plays')
const dayColumns = { day: 'text', plays: 'count', earnings: 'amount' } as const

interface OfArtist {
  readonly Params: { readonly address: string }
}

const ofArtist = params({ address: word })
const ofProfile = { namespace: 'artistProfile', what: 'artist' }

export function addArtists(app: App, { strata, queries, answer }: ApiContext): void {
  app.get<{ Querystring: { readonly search: string; readonly limit: number; readonly fields?: string } }>(
    '/artists',
    {
      schema: {
        querystring: query({
          search: { ...word, minLength: 0, pattern: '^[^\\u0000]*$', default: '' },
          limit: limit(10),
          fields: short,
        }),
      },
    },
    async (request, reply) => {
      const pick = foundFields(request.query.fields)
      return await answer({ request, reply }, { namespace: 'platformStats' }, async () => {
        const { rows } = await strata.query(findArtists(request.query))
        return { artists: rows.map((row) => pick(readRow(foundColumns, row))) }
      })
    },
  )
  app.get<OfArtist & { Querystring: { readonly fields?: string } }>(
    '/artists/:address',
    { schema: { params: ofArtist, querystring: query({ fields: short }) } },
    async (request, reply) => {
      const pick = artistFields(request.query.fields)
      return await answer({ request, reply }, ofProfile, async () => {
        const artist = await queries.getArtistAnalytics(request.params.address)
        return artist === undefined ? undefined : pick(artist)
      })
    },
  )
  app.get<OfArtist>(
    '/artists/:address/dashboard',
    { schema: { params: ofArtist, querystring: query({}) } },
    async (request, reply) => {
      const { address } = request.params
      return await answer({ request, reply }, ofProfile, () => queries.getArtistDashboard(address))
    },
  )
  app.get<OfArtist & { Querystring: { readonly days: number } }>(
    '/artists/:address/earnings',
    { schema: { params: ofArtist, querystring: query({ days }) } },
    async (request, reply) => {
      const { address } = request.params
      return await answer({ request, reply }, ofProfile, async () => {
        const series = await readEarnings(strata, address, request.query.days)
        return series.length === 0 ? undefined : { artist_address: address, days: series }
      })
    },
  )
}

/** Those who are listened to most come first. What the totals say is at most one merge behind. */
function findArtists({ search, limit }: { readonly search: string; readonly limit: number }): Sql {
  const pattern = `%${search.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
  return sql`
    select a.artist_address, a.artist_name, coalesce(t.plays, 0) as total_plays
    from artists as a
    left join artist_plays_totals as t on t.artist_address = a.artist_address
    where a.artist_name ilike ${pattern}
      or a.artist_address = ${search}
    order by t.plays desc nulls last, a.artist_name, a.artist_address
    limit ${limit}`
}

/** Each day in UTC, today the last, those without plays included. Empty: there is no such artist. */
async function readEarnings(strata: MycelixStrata, address: string, days: number) {
  const { rows } = await strata.query(sql`
    select day.utc::date::text as day, coalesce(p.plays, 0) as plays, coalesce(p.earnings, 0)::text as earnings
    from artists as a
    cross join generate_series(${days}::integer - 1, 0, -1) as ago
    cross join lateral (
      select date_trunc('day', now() at time zone 'UTC') - ago * interval '1 day' as utc
    ) as day
    left join artist_plays as p on p.artist_address = a.artist_address and p.bucket = day.utc at time zone 'UTC'
    where a.artist_address = ${address}
    order by day.utc`)
  return rows.map((row) => readRow(dayColumns, row))
}
