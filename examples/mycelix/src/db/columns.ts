// The columns of the six views, by the names of the original design, and what each is in code.
//
// What comes of bigint is a number, which none of these counts outgrows: a count beyond 2^53 is refused, not rounded. Amounts are FLOW with all
// their digits, and so text. Durations are seconds, and times are Dates.

type Kind = 'text' | 'textOrNull' | 'count' | 'amount' | 'seconds' | 'time' | 'timeOrNull'

interface KindTypes {
  readonly text: string
  readonly textOrNull: string | null
  readonly count: number
  readonly amount: string
  readonly seconds: number
  readonly time: Date
  readonly timeOrNull: Date | null
}

export type Columns = Readonly<Record<string, Kind>>
export type RowOf<Of extends Columns> = { readonly [Name in keyof Of]: KindTypes[Of[Name]] }

export const artistColumns = {
  artist_address: 'text',
  artist_name: 'text',
  total_songs: 'count',
  total_plays: 'count',
  unique_listeners: 'count',
  total_earnings: 'amount',
  avg_earning_per_play: 'amount',
  last_play_date: 'timeOrNull',
  plays_last_30_days: 'count',
  plays_last_7_days: 'count',
  last_refreshed: 'time',
} as const satisfies Columns

export const songColumns = {
  song_id: 'count',
  title: 'text',
  artist_address: 'text',
  genre: 'text',
  strategy: 'text',
  play_count: 'count',
  unique_listeners: 'count',
  total_earnings: 'amount',
  avg_play_duration: 'seconds',
  trending_score: 'count',
  plays_last_7_days: 'count',
  plays_last_30_days: 'count',
} as const satisfies Columns

export const platformColumns = {
  total_artists: 'count',
  total_songs: 'count',
  total_plays: 'count',
  total_listeners: 'count',
  total_volume: 'amount',
  songs_pay_per_stream: 'count',
  songs_gift_economy: 'count',
  songs_patronage: 'count',
  songs_auction: 'count',
  plays_last_24h: 'count',
  plays_last_7d: 'count',
  plays_last_30d: 'count',
  new_songs_last_7d: 'count',
  new_songs_last_30d: 'count',
} as const satisfies Columns

export const topSongColumns = {
  song_id: 'count',
  title: 'text',
  artist_address: 'text',
  artist_name: 'text',
  genre: 'text',
  plays: 'count',
  rank: 'count',
} as const satisfies Columns

export const listenerColumns = {
  listener_address: 'text',
  total_plays: 'count',
  unique_songs_played: 'count',
  unique_artists: 'count',
  total_spent: 'amount',
  avg_spent_per_play: 'amount',
  favorite_genre: 'textOrNull',
  favorite_strategy: 'textOrNull',
  plays_last_7d: 'count',
  plays_last_30d: 'count',
} as const satisfies Columns

export const genreColumns = {
  genre: 'text',
  total_songs: 'count',
  total_artists: 'count',
  total_plays: 'count',
  total_earnings: 'amount',
  unique_listeners: 'count',
  plays_last_7d: 'count',
  popularity_rank: 'count',
} as const satisfies Columns

/** Of the last thirty days, in UTC. */
export const dayColumns = { day: 'text', plays: 'count', earnings: 'amount' } as const satisfies Columns

export type ArtistAnalytics = RowOf<typeof artistColumns>
export type SongAnalytics = RowOf<typeof songColumns>
export type PlatformStats = RowOf<typeof platformColumns>
export type TopSong = RowOf<typeof topSongColumns>
export type ListenerActivity = RowOf<typeof listenerColumns>
export type GenreStats = RowOf<typeof genreColumns>
export type DayOfEarnings = RowOf<typeof dayColumns>

/** As a driver gives it, or JSON. */
export type RawRow = Readonly<Record<string, unknown>>

export function readRow<Of extends Columns>(columns: Of, row: RawRow): RowOf<Of> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, kind]) => [name, readValue(name, kind, row[name])]),
  ) as RowOf<Of>
}

function readValue(name: string, kind: Kind, value: unknown): unknown {
  if (value === null || value === undefined) {
    if (kind === 'textOrNull' || kind === 'timeOrNull') return null
    throw new TypeError(`Column ${name}: expected a value, got none`)
  }
  switch (kind) {
    case 'count':
      return countOf(name, value)
    case 'seconds':
      return Number(value)
    case 'time':
    case 'timeOrNull':
      return value instanceof Date ? value : new Date(textOf(value))
    default:
      return textOf(value)
  }
}

function countOf(name: string, value: unknown): number {
  const count = Number(value)
  if (Number.isSafeInteger(count)) return count
  throw new RangeError(`Column ${name}: expected a whole number up to 2^53, got another`)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
