// The platform in one row, and its genres: their numbers, and what share of the plays each had.

import { sql } from 'pgstrata'
import { defineFields, query, type App } from 'pgstrata-example-kit'
import { genreColumns, platformColumns, readRow, type RowOf } from '../db/columns.ts'
import type { ApiContext } from './context.ts'
import { days, short } from './schemas.ts'
import type { Reader } from './reads.ts'

const platformFields = defineFields(...(Object.keys(platformColumns) as (keyof typeof platformColumns)[]))
const genreFields = defineFields(...(Object.keys(genreColumns) as (keyof typeof genreColumns)[]))
const shareColumns = { genre: 'text', plays: 'count', earnings: 'amount' } as const

interface Chosen {
  readonly Querystring: { readonly fields?: string }
}

export function addPlatform(app: App, { reads }: ApiContext): void {
  app.get<Chosen>('/platform', { schema: { querystring: query({ fields: short }) } }, async (request) => {
    const pick = platformFields(request.query.fields)
    return pick(await reads.cached(request, 'platformStats', ({ queries }) => queries.getPlatformStats()))
  })
  app.get<Chosen>('/genres', { schema: { querystring: query({ fields: short }) } }, async (request) => {
    const pick = genreFields(request.query.fields)
    const genres = await reads.cached(request, 'platformStats', ({ queries }) => queries.getGenreStats())
    return { genres: genres.map(pick) }
  })
  app.get<{ Querystring: { readonly days: number } }>(
    '/genres/shares',
    { schema: { querystring: query({ days }) } },
    async (request) => {
      const genres = await reads.cached(request, 'platformStats', (reader) => readShares(reader, request.query.days))
      const plays = genres.reduce((sum, genre) => sum + genre.plays, 0)
      return { plays, genres: genres.map((genre) => ({ ...genre, share: plays === 0 ? 0 : genre.plays / plays })) }
    },
  )
}

/** Of whole days in UTC, of which today is the last; exact to the last commit. */
async function readShares({ source }: Reader, days: number): Promise<readonly RowOf<typeof shareColumns>[]> {
  const { text, values } = sql`
    select genre, sum(plays) as plays, sum(earnings) as earnings
    from genre_plays_day
    where bucket > (date_trunc('day', now() at time zone 'UTC') - ${days}::integer * interval '1 day') at time zone 'UTC'
    group by genre
    order by plays desc, genre`
  return (await source.query(text, values)).rows.map((row) => readRow(shareColumns, row))
}
