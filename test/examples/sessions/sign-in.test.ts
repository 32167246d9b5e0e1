// Signing in over HTTP: each nonce is for one wallet, one time and five minutes, however many use it at once.

import { describe, expect, test } from 'vitest'
import { sql } from 'pgstrata'
import { tokenLifeMs } from '../../../examples/sessions/src/auth/tokens.ts'
import { signInMessage } from '../../../examples/sessions/src/wallets/message.ts'
import { personOf, signIn, waitForBlocked, whileLocked, type Person } from './people.ts'
import { ask, useService, type Answer } from './service-support.ts'

const site = 'https://sessions.example'
const served = useService({ site })

interface Challenge {
  readonly nonce: string
  readonly message: string
}

async function challenge(address: string): Promise<Challenge> {
  const { status, body } = await ask(served(), '/auth/nonce', { body: { address } })
  expect(status, JSON.stringify(body)).toBe(201)
  return body as unknown as Challenge
}

const verify = (address: string, nonce: string, signature: string): Promise<Answer> =>
  ask(served(), '/auth/verify', { body: { address, nonce, signature } })

const codeOf = ({ status, body }: Answer): readonly unknown[] => [status, body.error?.code]
const session = (token: string): Promise<Answer> =>
  ask(served(), '/auth/session', { headers: { authorization: `Bearer ${token}` } })

describe('a nonce', () => {
  test('is in the message, which names the site and the wallet', async () => {
    const { address } = personOf('ada')
    const { nonce, message } = await challenge(address)
    expect(message).toBe(signInMessage({ site, address, nonce }))
    expect(message).toContain('sessions.example wants you to sign in')
    const { rows } = await served().strata.query<{ seconds: string; address: string }>(
      'select address, extract(epoch from expires_at - created_at) as seconds from nonces where nonce = $1',
      [nonce],
    )
    expect(rows[0]?.address).toBe(address)
    expect(Number(rows[0]?.seconds)).toBeGreaterThan(298)
    expect(Number(rows[0]?.seconds)).toBeLessThanOrEqual(300)
    expect(Math.abs(Number.parseInt(nonce.slice(0, 8), 16) * 1_000 - Date.now())).toBeLessThan(60_000)
  })

  test('and the signature of its wallet are a token, which says whose it is, for an hour', async () => {
    const ada = personOf('ada')
    const { nonce, message } = await challenge(ada.address)
    const { status, body, headers } = await verify(ada.address, nonce, ada.sign(message))
    expect(status).toBe(201)
    expect(headers.get('set-cookie')).toContain('sessions_token=')
    const expiresMs = Date.parse(String(body['expires_at']))
    expect(Math.abs(expiresMs - Date.now() - tokenLifeMs)).toBeLessThan(60_000)
    expect((await session(String(body['token']))).body).toEqual({
      address: ada.address,
      display_name: null,
      status: 'active',
      is_moderator: false,
      expires_at: body['expires_at'],
    })
  })

  test('is used up by that: the same again is refused, and says why', async () => {
    const ada = personOf('ada')
    const { nonce, message } = await challenge(ada.address)
    const proof = [ada.address, nonce, ada.sign(message)] as const
    expect((await verify(...proof)).status).toBe(201)
    const replay = await verify(...proof)
    expect(codeOf(replay)).toEqual([401, 'NONCE_USED'])
    expect(replay.body.error?.message).toContain('POST /auth/nonce')
    expect(replay.headers.get('set-cookie')).not.toMatch(/sessions_token=v1/)
  })

  test('is not used up by a signature that is wrong, whichever way', async () => {
    const [ada, bob] = [personOf('ada'), personOf('bob')]
    const { nonce, message } = await challenge(ada.address)
    const right = ada.sign(message)
    for (const wrong of [
      bob.sign(message),
      ada.sign(`${message} `),
      ada.sign(message.replace('Chain ID: 1', 'Chain ID: 137')),
      ada.sign(signInMessage({ site: 'https://other.example', address: ada.address, nonce })),
      `${right.slice(0, -2)}25`,
    ])
      expect(codeOf(await verify(ada.address, nonce, wrong))).toEqual([401, 'SIGNATURE_INVALID'])
    expect((await verify(ada.address, nonce, right)).status).toBe(201)
  })

  test('of another wallet, or none that was given out, is refused', async () => {
    const [ada, bob] = [personOf('ada'), personOf('bob')]
    const { nonce } = await challenge(ada.address)
    const bobs = bob.sign(signInMessage({ site, address: bob.address, nonce }))
    expect(codeOf(await verify(bob.address, nonce, bobs))).toEqual([401, 'NONCE_UNKNOWN'])
    const made = '65000000'.padEnd(40, 'a')
    const signed = ada.sign(signInMessage({ site, address: ada.address, nonce: made }))
    expect(codeOf(await verify(ada.address, made, signed))).toEqual([401, 'NONCE_UNKNOWN'])
  })

  test('that is older than five minutes is refused', async () => {
    const ada = personOf('ada')
    const { nonce, message } = await challenge(ada.address)
    await served().strata.query(
      "update nonces set created_at = now() - interval '6 minutes', expires_at = now() - interval '1 second' where nonce = $1",
      [nonce],
    )
    expect(codeOf(await verify(ada.address, nonce, ada.sign(message)))).toEqual([401, 'NONCE_EXPIRED'])
  })

  test('may be written in any case of its wallet, and what is no address, nonce or signature is refused', async () => {
    const ada = personOf('ada')
    const upper = `0x${ada.address.slice(2).toUpperCase()}`
    const { nonce, message } = await challenge(upper)
    expect((await verify(upper, nonce, ada.sign(message))).status).toBe(201)
    for (const body of [{}, { address: 'ada' }, { address: `${ada.address}0` }, { address: ada.address, more: 1 }, []])
      expect(codeOf(await ask(served(), '/auth/nonce', { body }))).toEqual([400, 'BAD_INPUT'])
    for (const [at, sent, by] of [
      ['ada', nonce, ada.sign(message)],
      [ada.address, `${nonce}0`, ada.sign(message)],
      [ada.address, nonce, '0x00'],
      [ada.address, nonce.toUpperCase().padStart(41, 'A'), ada.sign(message)],
    ] as const)
      expect(codeOf(await verify(at, sent, by))).toEqual([400, 'BAD_INPUT'])
  })
})

describe('one signature, used by many at once', () => {
  async function useAtOnce(
    person: Person,
    count: number,
    release: (work: () => Promise<void>) => Promise<unknown>,
  ): Promise<readonly Answer[]> {
    const { nonce, message } = await challenge(person.address)
    const signature = person.sign(message)
    let asked: readonly Promise<Answer>[] = []
    const begin = async (): Promise<void> => {
      asked = Array.from({ length: count }, () => verify(person.address, nonce, signature))
      await waitForBlocked(served().database.db, Math.min(count, 15))
    }
    await release(begin)
    return await Promise.all(asked)
  }

  function expectOne(answers: readonly Answer[]): void {
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(new Set(answers.filter(({ status }) => status !== 201).map((answer) => codeOf(answer).join(' ')))).toEqual(
      new Set(['401 NONCE_USED']),
    )
  }

  test('fifty over HTTP, as they come: one token', async () => {
    const { address, sign } = personOf('fifty')
    const { nonce, message } = await challenge(address)
    const signature = sign(message)
    const answers = await Promise.all(Array.from({ length: 50 }, () => verify(address, nonce, signature)))
    expect(answers).toHaveLength(50)
    expectOne(answers)
  })

  test('fifty that all found the nonce unused, and wait for its row: one token', async () => {
    const { db } = served().database
    const person = personOf('held')
    const lock = sql`select from nonces where address = ${person.address} for update`
    expectOne(await useAtOnce(person, 50, async (begin) => await whileLocked(db, lock, begin)))
  })

  test('while the user is locked, so that the first has the nonce and cannot finish: one token', async () => {
    const { db } = served().database
    const person = await signIn(served(), 'locked')
    const lock = sql`select from users where address = ${person.address} for update`
    expectOne(await useAtOnce(person, 20, async (begin) => await whileLocked(db, lock, begin)))
  })

  test('where the first is given up, another has it', async () => {
    const { db } = served().database
    const person = personOf('given-up')
    const lock = sql`update nonces set used_at = now() where address = ${person.address}`
    // The transaction of the test has used it, and is rolled back.
    expectOne(await useAtOnce(person, 20, async (begin) => await whileLocked(db, lock, begin)))
  })

  test('where somebody else has used it meanwhile, nobody has it', async () => {
    const { db } = served().database
    const person = personOf('too-late')
    const answers = await useAtOnce(person, 20, async (begin) => {
      await db.withSession(async (other) => {
        await other.query(sql`begin`)
        await other.query(sql`update nonces set used_at = now() where address = ${person.address}`)
        await begin()
        await other.query(sql`commit`)
      })
    })
    expect(new Set(answers.map((answer) => codeOf(answer).join(' ')))).toEqual(new Set(['401 NONCE_USED']))
  })
})

test('nothing of a request, no key and no token is in the log', async () => {
  const { nonce, message } = await challenge(personOf('ada').address)
  await verify(personOf('bob').address, nonce, personOf('ada').sign(message))
  expect(served().lines).toEqual([])
})
