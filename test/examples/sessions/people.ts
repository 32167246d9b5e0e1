// People with wallets of their own, who sign in as a client does it, and what they have to do with each other.

import { createECDH, createHash } from 'node:crypto'
import { sql, type Db, type Sql, type Strata } from 'pgstrata'
import { signText } from '../../../examples/sessions/src/demo/signing.ts'
import { addressOf } from '../../../examples/sessions/src/wallets/address.ts'
import { waitUntil } from '../../support/wait.ts'
import { ask, type Answer, type Asked } from './service-support.ts'

export interface Person {
  readonly address: string
  /** personal_sign */
  readonly sign: (message: string) => string
}

export interface SignedIn extends Person {
  readonly url: string
  readonly token: string
}

/** The same name has the same wallet. */
export function personOf(name: string): Person {
  const key = createHash('sha256').update(`wallet of ${name}`).digest()
  const curve = createECDH('secp256k1')
  curve.setPrivateKey(key)
  return { address: addressOf(curve.getPublicKey()), sign: (message) => signText(message, key) }
}

/** Through the service, from the nonce to the token. */
export async function signIn({ url }: { readonly url: string }, name: string): Promise<SignedIn> {
  const person = personOf(name)
  const { address } = person
  const asked = await ask({ url }, '/auth/nonce', { body: { address } })
  const { nonce, message } = asked.body
  const signature = person.sign(String(message))
  const answer = await ask({ url }, '/auth/verify', { body: { address, nonce, signature } })
  const token = answer.body['token']
  if (typeof token !== 'string')
    throw new Error(`Expected a token, got ${answer.status} ${JSON.stringify(answer.body)}`)
  return { ...person, url, token }
}

export async function signInAll(
  service: { readonly url: string },
  names: readonly string[],
): Promise<readonly SignedIn[]> {
  return await Promise.all(names.map(async (name) => await signIn(service, name)))
}

export async function askAs(person: SignedIn, path: string, asked: Asked = {}): Promise<Answer> {
  const { headers, ...rest } = asked
  return await ask(person, path, { ...rest, headers: { authorization: `Bearer ${person.token}`, ...headers } })
}

export interface Meeting {
  readonly a: string
  readonly b: string
  /** Default: ended. */
  readonly status?: 'active' | 'ended'
}

/** A session that two had, past the service. */
export async function addMeeting(
  { query }: Pick<Strata, 'query'>,
  { a, b, status = 'ended' }: Meeting,
): Promise<string> {
  const { rows } = await query<{ session_id: string }>(
    `insert into sessions (a_addr, b_addr, status, started_at, ended_at)
     values ($1, $2, $3, now(), case when $3 = 'ended' then now() end)
     returning session_id`,
    [a, b, status],
  )
  return rows[0]?.session_id ?? ''
}

/** So many statements wait for a lock that somebody holds. `db`: past the service, whose connections may all be among them. */
export async function waitForBlocked(db: Db, least: number): Promise<void> {
  await waitUntil(
    async () => {
      const { rows } = await db.query<{ waiting: number }>(sql`
        select count(*)::int as waiting
        from pg_stat_activity
        where datname = current_database()
          and wait_event_type = 'Lock'`)
      return (rows[0]?.waiting ?? 0) >= least
    },
    { what: `${least} statements that wait for a lock` },
  )
}

/** `work` while a transaction of the test's own holds what `lock` takes; it is over when `work` is. */
export async function whileLocked<T>(db: Db, lock: Sql, work: () => Promise<T>): Promise<T> {
  return await db.withSession(async (session) => {
    await session.query(sql`begin`)
    try {
      await session.query(lock)
      return await work()
    } finally {
      await session.query(sql`rollback`)
    }
  })
}
