// The platform in one row, and its genres: their numbers, and what share of the plays each had.

import { sql } from 'pgstrata'
import { defineFields, query, short, type App } from 'pgstrata-example-kit'
import { genreColumns, platformColumns, readRow, type RowOf } from '../db/columns.ts'
import type { ApiContext } from './context.ts'
import { days } from './schemas.ts'
import type { MycelixStrata } from '../strata.ts'

const platformFields = defineFields(...(Object.keys(platformColumns) as (keyof typeof platformColumns)[]))
const genreFields = defineFields(...(Object.keys(genreColumns) as (keyof typeof genreColumns)[]))
const ofPlatform = { namespace: 'platformStats' }
const shareColumns = { genre: 'text', plays: 'count', earnings: 'amount' } as const

interface Chosen {
  readonly Querystring: { readonly fields?: string }
}

export function addPlatform(app: App, { strata, queries, answer }: ApiContext): void {
  app.get<Chosen>('/platform', { schema: { querystring: query({ fields: short }) } }, async (request, reply) => {
    const pick = platformFields(request.query.fields)
    return await answer({ request, reply }, ofPlatform, async () => pick(await queries.getPlatformStats()))
  })
  app.get<Chosen>('/genres', { schema: { querystring: query({ fields: short }) } }, async (request, reply) => {
    const pick = genreFields(request.query.fields)
    return await answer({ request, reply }, ofPlatform, async () => {
      return { genres: (await queries.getGenreStats()).map(pick) }
    })
  })
  app.get<{ Querystring: { readonly days: number } }>(
    '/genres/shares',
    { schema: { querystring: query({ days }) } },
    async (request, reply) => {
      return await answer({ request, reply }, ofPlatform, async () => {
        const genres = await readShares(strata, request.query.days)
        const plays = genres.reduce((sum, genre) => sum + genre.plays, 0)
        return { plays, genres: genres.map((genre) => ({ ...genre, share: plays === 0 ? 0 : genre.plays / plays })) }
      })
    },
  )
}

/** Of whole days in UTC, of which today is the last; exact to the last commit. */
async function readShares(strata: MycelixStrata, days: number): Promise<readonly RowOf<typeof shareColumns>[]> {
  const { rows } = await strata.query(sql`
    select genre, sum(plays) as plays, sum(earnings) as earnings
    from genre_plays_day
    where bucket > (date_trunc('day', now() at time zone 'UTC') - ${days}::integer * interval '1 day') at time zone 'UTC'
    group by genre
    order by plays desc, genre`)
  return rows.map((row) => readRow(shareColumns, row))
}
