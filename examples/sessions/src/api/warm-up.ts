// Questions of all kinds, asked before the first client does; by URLs that no client uses, so nothing is kept for clients by it.

import { warm, type App, type WarmRequest } from 'pgstrata-example-kit'
import type { Tokens } from '../auth/tokens.ts'
import type { SessionsStrata } from '../strata.ts'

interface Warmed {
  readonly strata: Pick<SessionsStrata, 'pool'>
  readonly tokens: Tokens
  readonly log?: ((line: string) => void) | undefined
}

/** Who has been in a session, so that there is something to see. */
const somebody = `
  select u.address, u.token_epoch as epoch, s.session_id
  from sessions as s
  join users as u on u.address = s.a_addr
  where u.status = 'active'
  order by s.created_at desc, s.session_id desc
  limit 1`

/** Returns the statuses of the answers. */
export async function warmUp(app: App, { strata, tokens, log }: Warmed): Promise<readonly number[]> {
  return await warm(app, { read: async () => await readRequests(strata, tokens), log })
}

async function readRequests({ pool }: Pick<SessionsStrata, 'pool'>, tokens: Tokens): Promise<readonly WarmRequest[]> {
  const { rows } = await pool.query<{ address: string; epoch: number; session_id: string }>(somebody, [])
  const [found] = rows
  // Nothing can be asked of nobody.
  if (found === undefined) return []
  const { address, session_id } = found
  const urls = [
    '/auth/session?',
    '/sessions?limit=20',
    '/sessions?status=ended&limit=20',
    '/sessions/current?',
    `/sessions/${session_id}?`,
    '/blocks?limit=20',
    `/users/${address}?`,
    `/users?prefix=${address.slice(0, 10)}`,
    `/balances/${address}?`,
  ]
  const headers = { authorization: `Bearer ${tokens.issue(found).token}` }
  return urls.map((url) => ({ url, headers }))
}
