// Songs: those that are trending, the hundred of the week, one by its number, and any that a question asks for.

import {
  AnalyticsQueryBuilder,
  readRow,
  songColumns,
  type Direction,
  type SongColumn,
} from '../db/optimized-queries.ts'
import { topSongColumns } from '../db/columns.ts'
import { strategies, type Strategy } from '../strategies.ts'
import { defineFields, params, query, short, word, type App } from 'pgstrata-example-kit'
import { sql } from 'pgstrata'
import type { ApiContext } from './context.ts'
import { count, limit, songId } from './schemas.ts'

const columns = Object.keys(songColumns) as SongColumn[]
const songFields = defineFields(...columns)
const topFields = defineFields(...(Object.keys(topSongColumns) as (keyof typeof topSongColumns)[]))

interface Chosen {
  readonly limit: number
  readonly fields?: string
}

interface SongsQuery extends Chosen {
  readonly genre?: string
  readonly strategy?: Strategy
  readonly artist?: string
  readonly minPlays?: number
  readonly since?: string
  readonly sortBy: SongColumn
  readonly order: 'asc' | 'desc'
  readonly offset: number
}

const mostOffset = 10_000

const songsQuery = query({
  genre: word,
  strategy: { enum: strategies },
  artist: word,
  minPlays: count,
  since: { type: 'string', format: 'date-time', maxLength: 40 },
  sortBy: { enum: columns, default: 'trending_score' },
  order: { enum: ['asc', 'desc'], default: 'desc' },
  limit: limit(20),
  offset: { ...count, maximum: mostOffset, default: 0 },
  fields: short,
})

export function addSongs(app: App, { strata, queries, answer }: ApiContext): void {
  app.get<{ Querystring: Chosen & { readonly genre?: string } }>(
    '/songs/trending',
    { schema: { querystring: query({ genre: word, limit: limit(20), fields: short }) } },
    async (request, reply) => {
      const { genre, limit } = request.query
      const pick = songFields(request.query.fields)
      return await answer({ request, reply }, { namespace: 'topSongs' }, async () => {
        return { songs: (await queries.getTrendingSongs(limit, genre)).map(pick) }
      })
    },
  )
  app.get<{ Querystring: Chosen }>(
    '/songs/top',
    { schema: { querystring: query({ limit: limit(100), fields: short }) } },
    async (request, reply) => {
      const pick = topFields(request.query.fields)
      return await answer({ request, reply }, { namespace: 'topSongs' }, async () => {
        return { songs: (await queries.getTopSongs(request.query.limit)).map(pick) }
      })
    },
  )
  app.get<{ Querystring: SongsQuery }>('/songs', { schema: { querystring: songsQuery } }, async (request, reply) => {
    const pick = songFields(request.query.fields)
    return await answer({ request, reply }, { namespace: 'platformStats' }, async () => {
      const { rows } = await strata.query(built(request.query))
      return { songs: rows.map((row) => pick(readRow(songColumns, row))) }
    })
  })
  app.get<{ Params: { readonly song_id: number }; Querystring: { readonly fields?: string } }>(
    '/songs/:song_id',
    { schema: { params: params({ song_id: songId }), querystring: query({ fields: short }) } },
    async (request, reply) => {
      const pick = songFields(request.query.fields)
      return await answer({ request, reply }, { namespace: 'artistProfile', what: 'song' }, async () => {
        const { rows } = await strata.query(
          sql`select * from mv_song_analytics where song_id = ${request.params.song_id}`,
        )
        return rows[0] === undefined ? undefined : pick(readRow(songColumns, rows[0]))
      })
    },
  )
}

function built({ genre, strategy, artist, minPlays, since, sortBy, order, limit, offset }: SongsQuery) {
  const builder = new AnalyticsQueryBuilder()
  if (genre !== undefined) builder.genre(genre)
  if (strategy !== undefined) builder.strategy(strategy)
  if (artist !== undefined) builder.artist(artist)
  if (minPlays !== undefined) builder.minPlays(minPlays)
  if (since !== undefined) builder.since(new Date(since))
  return builder
    .sortBy(sortBy, order.toUpperCase() as Direction)
    .limit(limit)
    .offset(offset)
    .toSql()
}
