// Listeners: what one likes, what one has just played, and who listened last. Kept for half a minute for whoever looks at somebody; who has
// just listened reads that, whatever is kept.

import { sql } from 'pgstrata'
import { defineCursor, defineFields, params, query, short, word, type App } from 'pgstrata-example-kit'
import { listenerColumns } from '../db/columns.ts'
import type { ApiContext } from './context.ts'
import { limit } from './schemas.ts'

const listenerFields = defineFields(...(Object.keys(listenerColumns) as (keyof typeof listenerColumns)[]))
const playFields = defineFields('play_id', 'song_id', 'title', 'artist_address', 'artist_name', 'played_at', 'amount')
const byTime = defineCursor({ played_at: 'time', play_id: 'integer' })

interface OfListener {
  readonly Params: { readonly address: string }
}

const ofListener = params({ address: word })

interface Play {
  readonly play_id: string
  readonly song_id: string
  readonly title: string
  readonly artist_address: string
  readonly artist_name: string
  readonly played_at: Date
  /** With microseconds, which a Date has not. */
  readonly at: string
  readonly amount: string
}

const kept = { namespace: 'listeners', what: 'listener' } as const

export function addListeners(app: App, context: ApiContext): void {
  const { strata, queries, answer } = context
  app.get<{ Querystring: { readonly limit: number } }>(
    '/listeners',
    { schema: { querystring: query({ limit: limit(10) }) } },
    async (request, reply) =>
      await answer({ request, reply }, kept, async () => ({
        listeners: await readRecent(context, request.query.limit),
      })),
  )
  app.get<OfListener & { Querystring: { readonly fields?: string } }>(
    '/listeners/:address',
    { schema: { params: ofListener, querystring: query({ fields: short }) } },
    async (request, reply) => {
      const pick = listenerFields(request.query.fields)
      return await answer({ request, reply }, kept, async () => {
        const listener = await queries.getListenerActivity(request.params.address)
        return listener === undefined ? undefined : pick(listener)
      })
    },
  )
  app.get<OfListener & { Querystring: { readonly limit: number; readonly cursor?: string; readonly fields?: string } }>(
    '/listeners/:address/plays',
    { schema: { params: ofListener, querystring: query({ limit: limit(10), cursor: short, fields: short }) } },
    async (request, reply) => {
      const pick = playFields(request.query.fields)
      const asked = { ...request.params, ...request.query }
      // Not within what is kept: a cursor that is none is refused, and that is no answer.
      const after = byTime.parse(asked.cursor)
      return await answer({ request, reply }, kept, async () => {
        const plays = await readPlays(context, asked, after)
        if (plays.length === 0 && !(await isListener(strata, asked.address))) return undefined
        const last = plays.at(-1)
        const next =
          last === undefined || plays.length < asked.limit
            ? null
            : byTime.format({ played_at: last.at, play_id: last.play_id })
        return { plays: plays.map((play) => pick({ ...play, song_id: Number(play.song_id) })), next }
      })
    },
  )
}

/** Who listened last, and where nobody did, anybody. */
async function readRecent({ strata }: ApiContext, most: number): Promise<readonly string[]> {
  const { rows } = await strata.query<{ listener_address: string }>(sql`
    select listener_address
    from (
      (
        select listener_address, max(played_at) as played_at
        from (
          select listener_address, played_at
          from plays
          order by played_at desc
          limit ${most * 20}
        ) as last
        group by listener_address
      )
      union all
      (
        select listener_address, null
        from listeners
        where not exists (select from plays)
        order by listener_address
        limit ${most}
      )
    ) as somebody
    order by played_at desc nulls last, listener_address
    limit ${most}`)
  return rows.map((row) => row.listener_address)
}

interface PlaysOf {
  readonly address: string
  readonly limit: number
}

async function readPlays(
  { strata }: ApiContext,
  { address, limit }: PlaysOf,
  after: ReturnType<typeof byTime.parse>,
): Promise<readonly Play[]> {
  const further =
    after === undefined
      ? sql``
      : sql`
      and p.played_at <= ${after.played_at}::timestamptz
      and (p.played_at, p.play_id) < (${after.played_at}::timestamptz, ${after.play_id}::bigint)`
  const { rows } = await strata.query<Play>(sql`
    select p.play_id, p.song_id, s.title, p.artist_address, a.artist_name, p.played_at,
      to_char(p.played_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, p.amount
    from plays as p
    join songs as s on s.song_id = p.song_id
    join artists as a on a.artist_address = p.artist_address
    where p.listener_address = ${address}${further}
    order by p.played_at desc, p.play_id desc
    limit ${limit}`)
  return rows
}

async function isListener(strata: ApiContext['strata'], address: string): Promise<boolean> {
  const { rows } = await strata.query(sql`select from listeners where listener_address = ${address}`)
  return rows.length === 1
}
