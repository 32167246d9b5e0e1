// AnalyticsQueryBuilder: questions about songs, put together. It reads `mv_song_analytics`.
//
// Promises: values are parameters, never part of the text; only columns that are known get into it, anything else is refused with what was
// expected. Rows that are equal by the column of the order come by song_id, so pages neither overlap nor leave rows out.
// With `since`, play_count, total_earnings and avg_play_duration are counted from that moment on, exact to the second; so is `minPlays`.

import { sql, type Sql } from 'pgstrata'
import { refused, someText, wholeNumber } from './checks.ts'
import { songColumns } from './columns.ts'
import { strategies, type Strategy } from '../strategies.ts'

export type SongColumn = keyof typeof songColumns
export type Direction = 'ASC' | 'DESC'

export interface BuiltQuery {
  readonly query: string
  readonly params: unknown[]
}

const columns = Object.keys(songColumns) as readonly SongColumn[]
export const mostRows = 10_000

export class AnalyticsQueryBuilder {
  readonly #conditions: Sql[] = []
  #minPlays: number | undefined
  #since: Date | undefined
  #order: { readonly column: SongColumn; readonly direction: Direction } | undefined
  #limit: number | undefined
  #offset: number | undefined

  genre(genre: string): this {
    this.#conditions.push(sql`s.genre = ${someText('genre()', genre)}`)
    return this
  }

  strategy(strategy: Strategy): this {
    if (!strategies.includes(strategy)) throw refused('strategy()', strategies.join(', '), strategy)
    this.#conditions.push(sql`s.strategy = ${strategy}`)
    return this
  }

  /** By address. */
  artist(address: string): this {
    this.#conditions.push(sql`s.artist_address = ${someText('artist()', address)}`)
    return this
  }

  minPlays(count: number): this {
    this.#minPlays = wholeNumber('minPlays()', count)
    return this
  }

  since(moment: Date): this {
    if (!(moment instanceof Date) || Number.isNaN(moment.getTime())) throw refused('since()', 'a Date', moment)
    this.#since = moment
    return this
  }

  sortBy(column: SongColumn, direction: Direction = 'DESC'): this {
    if (!columns.includes(column)) throw refused('sortBy()', columns.join(', '), column)
    if (direction !== 'ASC' && direction !== 'DESC') throw refused('sortBy()', "'ASC' or 'DESC'", direction)
    this.#order = { column, direction }
    return this
  }

  limit(rows: number): this {
    this.#limit = wholeNumber('limit()', rows, mostRows)
    return this
  }

  offset(rows: number): this {
    this.#offset = wholeNumber('offset()', rows)
    return this
  }

  build(): BuiltQuery {
    const { text, values } = this.toSql()
    return { query: text, params: [...values] }
  }

  /** For `strata.query`. */
  toSql(): Sql {
    const parts = [sql`select s.* from ${this.#from()} as s`]
    const conditions = [...this.#conditions]
    if (this.#minPlays !== undefined) conditions.push(sql`s.play_count >= ${this.#minPlays}`)
    if (conditions.length > 0) parts.push(sql`where ${sql.join(conditions, ' and ')}`)
    if (this.#order !== undefined) parts.push(sql`order by ${orderOf(this.#order)}`)
    else if (this.#limit !== undefined || this.#offset !== undefined) parts.push(sql`order by s.song_id`)
    if (this.#limit !== undefined) parts.push(sql`limit ${this.#limit}`)
    if (this.#offset !== undefined) parts.push(sql`offset ${this.#offset}`)
    return sql.join(parts, '\n')
  }

  #from(): Sql {
    if (this.#since === undefined) return sql`mv_song_analytics`
    return sql`(
  select v.song_id, v.title, v.artist_address, v.genre, v.strategy, coalesce(counted.plays, 0) as play_count, v.unique_listeners,
    coalesce(counted.earnings, 0) as total_earnings, coalesce(counted.seconds, 0) as avg_play_duration, v.trending_score,
    v.plays_last_7_days, v.plays_last_30_days, v.last_refreshed
  from mv_song_analytics as v
  left join song_plays_since(${this.#since}::timestamptz) as counted on counted.song_id = v.song_id
)`
  }
}

function orderOf({ column, direction }: { readonly column: SongColumn; readonly direction: Direction }): Sql {
  const order = sql`s.${sql.ident(column)} ${sql.raw(direction === 'ASC' ? 'asc' : 'desc')}`
  return column === 'song_id' ? order : sql`${order}, s.song_id`
}
