// What is asked of a month of plays: its sum, all that is known of every play, and the plays of one song on one day.

import type pg from 'pg'
import { timeMs } from '../../harness/rounds.ts'
import type { MeasuredPartition } from './partition.ts'

/** The table, or the function that also reads what is packed. */
export type Source = 'plays' | 'plays_between'

export interface Key {
  readonly song: string
  readonly from: Date
  readonly to: Date
}

type Interval = Pick<MeasuredPartition, 'from' | 'to'>

/** '123.45000000 of 678' */
export async function askMonth(client: pg.Client, source: Source, { from, to }: Interval): Promise<string> {
  const { rows } = await client.query<{ answer: string }>(
    `select sum(amount) || ' of ' || count(*) as answer ${fromRows(source)}`,
    [from, to],
  )
  return rows[0]?.answer ?? ''
}

export async function readColumns(client: pg.Client, source: Source, { from, to }: Interval): Promise<void> {
  await client.query(
    `select max(play_id), max(song_id), max(artist_address), max(genre), max(strategy), max(listener_address),
      max(played_at), max(duration_s), max(amount) ${fromRows(source)}`,
    [from, to],
  )
}

/** Of plays of the month, one as likely as another. */
export async function drawKeys(client: pg.Client, { name }: MeasuredPartition, count: number): Promise<readonly Key[]> {
  const { rows } = await client.query<Key>(
    `select song_id as song, date_trunc('day', played_at, 'UTC') as from, date_trunc('day', played_at, 'UTC') + interval '1 day' as to
    from ${name}
    order by hashint8(play_id)
    limit $1`,
    [count],
  )
  return rows
}

/** Milliseconds of one key. */
export async function timeKeys(client: pg.Client, source: Source, keys: readonly Key[]): Promise<number> {
  const tookMs = await timeMs(async () => {
    for (const { song, from, to } of keys) {
      const text = `select * ${fromRows(source)} ${source === 'plays' ? 'and' : 'where'} song_id = $3`
      const { rowCount } = await client.query(text, [from, to, song])
      if (rowCount === null || rowCount === 0) throw new Error('A song that was played that day has no plays')
    }
  })
  return tookMs / keys.length
}

function fromRows(source: Source): string {
  return source === 'plays' ? 'from plays where played_at >= $1 and played_at < $2' : 'from plays_between($1, $2)'
}
