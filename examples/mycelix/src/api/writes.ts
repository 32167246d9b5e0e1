// What is written: plays and payments. Each is one statement that finds what it refers to and writes, in one round trip; only where it
// wrote nothing a second one asks what was missing. The answer carries the token of the session, so whoever sends it back reads it.

import { sql } from 'pgstrata'
import { badInput, body, notFound, word, type App } from 'pgstrata-example-kit'
import type { ApiContext } from './context.ts'
import { amount, songId } from './schemas.ts'

const mostSeconds = 86_400
const kinds = ['stream', 'gift', 'patronage', 'auction'] as const

interface PlayBody {
  readonly song_id: number
  readonly listener_address: string
  readonly duration_s: number
  readonly amount: string
}

interface PaymentBody {
  readonly payer_address: string
  readonly artist_address: string
  readonly song_id?: number
  readonly kind: (typeof kinds)[number]
  readonly amount: string
}

const playBody = body(
  {
    song_id: songId,
    listener_address: word,
    duration_s: { type: 'integer', minimum: 0, maximum: mostSeconds },
    amount: { ...amount, default: '0' },
  },
  { required: ['song_id', 'listener_address', 'duration_s'] },
)
const paymentBody = body(
  { payer_address: word, artist_address: word, song_id: songId, kind: { enum: kinds }, amount },
  { required: ['payer_address', 'artist_address', 'kind', 'amount'] },
)

export function addWrites(app: App, context: ApiContext): void {
  app.post<{ Body: PlayBody }>('/plays', { schema: { body: playBody } }, async (request, reply) => {
    const play = await recordPlay(context, request.body)
    return await reply.code(201).send(play)
  })
  app.post<{ Body: PaymentBody }>('/payments', { schema: { body: paymentBody } }, async (request, reply) => {
    const payment = await recordPayment(context, request.body)
    return await reply.code(201).send(payment)
  })
}

interface PlayRow {
  readonly play_id: string
  readonly song_id: string
  readonly artist_address: string
  readonly genre: string
  readonly strategy: string
  readonly listener_address: string
  readonly played_at: Date
  readonly duration_s: number
  readonly amount: string
}

async function recordPlay({ strata }: ApiContext, { song_id, listener_address, duration_s, amount }: PlayBody) {
  const { rows } = await strata.query<PlayRow>(sql`
    insert into plays (song_id, artist_address, genre, strategy, listener_address, duration_s, amount)
    select s.song_id, s.artist_address, s.genre, s.strategy, l.listener_address, ${duration_s}, ${amount}::numeric
    from songs as s
    join listeners as l on l.listener_address = ${listener_address}
    where s.song_id = ${song_id}
    returning play_id, song_id, artist_address, genre, strategy, listener_address, played_at, duration_s, amount`)
  const [play] = rows
  if (play !== undefined) return { ...play, song_id: Number(play.song_id) }
  const found = await strata.query(sql`select from songs where song_id = ${song_id}`)
  throw notFound(found.rows.length === 0 ? 'song' : 'listener')
}

interface PaymentRow {
  readonly payment_id: string
  readonly payer_address: string
  readonly artist_address: string
  readonly song_id: string | null
  readonly kind: string
  readonly amount: string
  readonly paid_at: Date
}

async function recordPayment({ strata }: ApiContext, payment: PaymentBody) {
  const { payer_address, artist_address, song_id = null, kind, amount } = payment
  const { rows } = await strata.query<PaymentRow>(sql`
    insert into payments (payer_address, artist_address, song_id, kind, amount)
    select l.listener_address, a.artist_address, s.song_id, ${kind}, ${amount}::numeric
    from listeners as l
    join artists as a on a.artist_address = ${artist_address}
    left join songs as s on s.song_id = ${song_id}::bigint and s.artist_address = a.artist_address
    where l.listener_address = ${payer_address}
      and (${song_id}::bigint is null or s.song_id is not null)
    returning payment_id, payer_address, artist_address, song_id, kind, amount, paid_at`)
  const [paid] = rows
  if (paid !== undefined) return { ...paid, song_id: paid.song_id === null ? null : Number(paid.song_id) }
  const { rows: found } = await strata.query<{ payer: boolean; artist: boolean }>(sql`
    select exists (select from listeners where listener_address = ${payer_address}) as payer,
      exists (select from artists where artist_address = ${artist_address}) as artist`)
  if (found[0]?.payer !== true) throw notFound('listener')
  if (!found[0].artist) throw notFound('artist')
  throw badInput({ where: 'body.song_id', expected: 'a song of that artist, or none' })
}
