// What is asked of the service: a published mix of its endpoints. Who asks is drawn from sessions by a seed, so wallets come in proportion to how
// much they are used; asked for are that session, the other one in it, and what they hold.

import { createTokens } from '../../../examples/sessions/src/auth/tokens.ts'
import { fresh, type LoadRequest } from '../../support/http-load.ts'
import { createRandom } from '../../support/open-loop.ts'
import { withClient } from '../../support/with-client.ts'

interface Drawn {
  readonly session_id: string
  readonly own: string
  readonly other: string
}

interface Entry {
  readonly kind: string
  /** Of a thousand requests. */
  readonly perMille: number
  readonly make: (drawn: Drawn, random: () => number) => Omit<LoadRequest, 'kind' | 'headers'>
}

const entries: readonly Entry[] = [
  { kind: '/users/:address', perMille: 240, make: ({ other }) => ({ path: `/users/${other}` }) },
  { kind: '/sessions/:id', perMille: 180, make: ({ session_id }) => ({ path: `/sessions/${session_id}` }) },
  { kind: '/sessions/current', perMille: 160, make: () => ({ path: '/sessions/current' }) },
  { kind: '/balances/:address', perMille: 160, make: ({ other }) => ({ path: `/balances/${other}` }) },
  { kind: '/sessions', perMille: 100, make: () => ({ path: '/sessions?limit=20' }) },
  { kind: '/auth/session', perMille: 40, make: () => ({ path: '/auth/session' }) },
  { kind: '/blocks', perMille: 30, make: () => ({ path: '/blocks?limit=20' }) },
  { kind: '/users?prefix', perMille: 30, make: ({ other }) => ({ path: `/users?prefix=${other.slice(0, 6)}` }) },
  {
    kind: 'POST /telemetry',
    perMille: 40,
    make: (_, random) => ({ method: 'POST', path: '/telemetry', body: batchOf(random) }),
  },
  { kind: 'POST /sessions/match', perMille: 10, make: () => ({ method: 'POST', path: '/sessions/match' }) },
  {
    kind: 'POST /auth/nonce',
    perMille: 10,
    make: ({ own }) => ({ method: 'POST', path: '/auth/nonce', body: JSON.stringify({ address: own }) }),
  },
]

/** For the notes. */
export const publishedMix: string = entries.map(({ kind, perMille }) => `${kind} ${perMille / 10} %`).join(', ')

const eventsOfBatch = 5

function batchOf(random: () => number): string {
  const events = Array.from({ length: eventsOfBatch }, () => ({
    event_id: fresh.uuid,
    at: fresh.now,
    kind: 'latency',
    payload: { ms: Math.floor(random() * 400), network: 'wifi' },
  }))
  return JSON.stringify({ events })
}

export async function drawRequests(
  url: string,
  { count, secret }: { readonly count: number; readonly secret: string },
): Promise<readonly LoadRequest[]> {
  const tokens = createTokens({ secret })
  const random = createRandom(11)
  const visits = await drawSessions(url, Math.ceil(count / requestsOfVisit))
  return inTurns(visits).map((drawn) => {
    const { kind, make } = entryAt(random() * 1_000)
    const headers = { authorization: `Bearer ${tokens.issue({ address: drawn.own, epoch: 0 }).token}` }
    return { kind, headers, ...make(drawn, random) }
  })
}

/**
 * What the page asks from a sign-in to a sign-out: looking into the lobby, a match, the session, its end, the own wallet and that of the other,
 * the list of sessions. Others come meanwhile.
 */
export const requestsOfVisit = 28
const visitsAtOnce = 100

function inTurns(visits: readonly Drawn[]): readonly Drawn[] {
  const turns: Drawn[] = []
  for (let first = 0; first < visits.length; first += visitsAtOnce) {
    const present = visits.slice(first, first + visitsAtOnce)
    for (let turn = 0; turn < requestsOfVisit; turn++) turns.push(...present)
  }
  return turns
}

function entryAt(place: number): Entry {
  let left = place
  for (const entry of entries) {
    left -= entry.perMille
    if (left < 0) return entry
  }
  throw new Error('Expected the mix to be of 1,000 requests, and it is of fewer')
}

export async function lastSession(url: string): Promise<string> {
  const { rows } = await withClient(url, async (client) =>
    client.query<{ readonly last: string }>('select coalesce(max(session_id), 0)::text as last from sessions'),
  )
  return rows[0]?.last ?? '0'
}

/** Those that the mix made: a wallet that has a session is not matched again. */
export async function removeSessions(url: string, { after }: { readonly after: string }): Promise<void> {
  await withClient(url, async (client) => await client.query('delete from sessions where session_id > $1', [after]))
}

/** Of wallets that may take part and can see each other: who is refused is answered sooner. */
export async function drawSessions(url: string, count: number): Promise<readonly Drawn[]> {
  const { rows } = await withClient(url, async (client) =>
    client.query<Drawn>(
      `select s.session_id, s.a_addr as own, s.b_addr as other
       from sessions as s
       join users as a on a.address = s.a_addr and a.status = 'active'
       join users as b on b.address = s.b_addr and b.status = 'active'
       where s.status = 'ended'
         and not exists (
           select
           from blocks
           where blocker in (s.a_addr, s.b_addr)
             and blocked in (s.a_addr, s.b_addr)
         )
       order by md5(s.session_id::text)
       limit $1`,
      [count],
    ),
  )
  if (rows.length === 0) throw new Error('Expected sessions to draw requests from, and there are none')
  // Few sessions come again, in the same order.
  const drawn: Drawn[] = []
  while (drawn.length < count) drawn.push(...rows.slice(0, count - drawn.length))
  return drawn
}
