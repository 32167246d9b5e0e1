// What the service refuses: input that is not as it must be, callers it does not know, cursors of somebody's own making. Each refusal
// has one shape, repeats nothing of the request, and nothing of a request is in the log.

import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkProperty } from '../../support/property.ts'
import { addStream, addUser, ask, operatorWallet, useService } from './service-support.ts'

const served = useService()
const people = { user: '', operator: '' }

beforeAll(async () => {
  await addStream(served().db, 's1')
  people.user = await addUser(served().db, 'user')
  people.operator = await addUser(served().db, 'operator', operatorWallet)
})

const uuid = '00000000-0000-4000-8000-000000000000'

type Case = readonly [method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown]

const bad: readonly Case[] = [
  ['GET', '/streams?limit=0'],
  ['GET', '/streams?limit=101'],
  ['GET', '/streams?limit=many'],
  ['GET', '/streams?status=active'],
  ['GET', '/streams?sort=rtmp_url'],
  ['GET', '/streams?fields=rtmp_url'],
  ['GET', '/streams?nothing=1'],
  ['GET', '/streams?cursor=%00'],
  ['GET', '/streams/a%00b'],
  ['GET', '/streams/s1/earnings?hours=0'],
  ['GET', '/streams/s1/earnings?hours=721'],
  ['GET', '/streams/s1/nodes?status=DEAD'],
  ['GET', '/streams/s1/comments?status=ALL'],
  ['GET', '/nodes/a%00b'],
  ['GET', '/nodes/n?hours=x'],
  ['GET', '/payouts?hours_back=0'],
  ['GET', '/payouts?hours_back=1.5'],
  ['GET', '/payouts?as_of=yesterday'],
  ['GET', '/payouts?as_of=2999-01-01T00:00:00Z'],
  ['GET', '/payouts?by=guess'],
  ['POST', '/payouts?hours_back=-1'],
  ['GET', '/payouts/one'],
  ['GET', '/ledger/a%00b'],
  ['GET', '/friends?state=enemies'],
  ['POST', '/friends/requests', {}],
  ['POST', '/friends/requests', { user_id: 'me' }],
  ['POST', '/friends/requests', { user_id: uuid, more: 1 }],
  ['POST', '/friends/requests', []],
  ['POST', '/friends/requests/me/accept'],
  ['DELETE', '/friends/me'],
  ['POST', '/comments/one/hide'],
  ['POST', '/comments/1/hide', { reason: '' }],
  ['GET', '/geo/nearest'],
  ['GET', '/geo/nearest?lat=90.1&lon=0'],
  ['GET', '/geo/nearest?lat=NaN&lon=0'],
  ['GET', '/geo/within?lat=1&lon=1'],
  ['GET', '/geo/within?lat=1&lon=1&km=0'],
  ['GET', '/geo/within?lat=1&lon=-181&km=1'],
  ['GET', '/fraud?limit=x'],
  ['GET', '/fraud?fields=password'],
]

test.each(bad.map((one) => ({ one })))('$one.0 $one.1', async ({ one: [method, path, body] }) => {
  const answer = await ask(served(), path, { method, body, as: people.operator })
  expect(answer.status, JSON.stringify(answer.body)).toBe(400)
  expect(answer.body.error).toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('expected') as string })
})

const forUsers: readonly Case[] = [
  ['GET', '/friends'],
  ['GET', '/friends/nodes'],
  ['POST', '/friends/requests', { user_id: uuid }],
  ['POST', `/friends/requests/${uuid}/accept`],
  ['POST', `/friends/requests/${uuid}/decline`],
  ['POST', `/friends/requests/${uuid}/block`],
  ['DELETE', `/friends/${uuid}`],
  ['POST', '/streams/s1/comments', { content: 'a' }],
  ['POST', '/comments/1/hide'],
  ['POST', '/comments/1/show'],
  ['GET', '/geo/nearest?lat=0&lon=0'],
  ['GET', '/geo/within?lat=0&lon=0&km=1'],
  ['POST', '/payouts'],
  ['POST', '/nodes/n1/review'],
]

describe.each(forUsers.map((one) => ({ one })))('$one.0 $one.1 needs a user', ({ one: [method, path, body] }) => {
  test.each([undefined, 'nobody', uuid, "' or true --"])('and not %s', async (as) => {
    const answer = await ask(served(), path, { method, body, as })
    expect([answer.status, answer.body.error?.code]).toEqual([401, 'UNAUTHORIZED'])
  })
})

test('what operators alone may do is refused to others', async () => {
  for (const path of ['/payouts', '/nodes/n1/review'])
    expect((await ask(served(), path, { method: 'POST', as: people.user })).status).toBe(403)
})

test('evidence of fraud is shown to operators alone, who review the node', async () => {
  const { db } = served()
  await db
    .insertInto('nodes')
    .values({
      node_id: 'n1',
      stream_id: 's1',
      stats_url: 'http://n',
      user_id: null,
      display_name: null,
      address: null,
      last_heartbeat: null,
      location_lat: null,
      location_lon: null,
    })
    .execute()
  await db
    .insertInto('fraud_findings')
    .values({
      node_id: 'n1',
      stream_id: 's1',
      rule: 'replayed',
      evidence: JSON.stringify({ digest: 'abc' }),
      resolved_at: null,
    })
    .execute()
  for (const as of [undefined, people.user]) {
    const { body } = await ask(served(), '/fraud', { as })
    expect(body['findings']).toEqual([expect.not.objectContaining({ evidence: expect.anything() as unknown })])
    expect((await ask(served(), '/fraud?fields=evidence', { as })).status).toBe(400)
  }
  const { body } = await ask(served(), '/fraud?node_id=n1&stream_id=s1', { as: people.operator })
  expect(body['findings']).toMatchObject([{ node_id: 'n1', rule: 'replayed', evidence: { digest: 'abc' } }])
  await db.updateTable('nodes').set({ status: 'SUSPENDED' }).execute()
  const reviewed = await ask(served(), '/nodes/n1/review', { method: 'POST', as: people.operator })
  expect(reviewed.body).toEqual({ node_id: 'n1', status: 'PENDING', resolved: 1 })
  expect((await ask(served(), '/nodes/none/review', { method: 'POST', as: people.operator })).status).toBe(404)
  expect((await ask(served(), '/fraud')).body['findings']).toEqual([])
})

test('a path that is not there, a method that is not, and a body that is no JSON', async () => {
  expect((await ask(served(), '/nothing')).body.error?.code).toBe('NOT_FOUND')
  expect((await ask(served(), '/streams', { method: 'DELETE' })).status).toBe(404)
  const response = await fetch(`${served().url}/friends/requests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"user_id":',
  })
  expect(response.status).toBe(400)
})

const lists = [
  '/streams?',
  '/streams?sort=stream_id&',
  '/streams/s1/nodes?',
  '/streams/s1/comments?',
  '/fraud?',
  '/friends?',
  '/friends/nodes?',
  '/ledger/stream:s1?',
]

test('a cursor of somebody’s own making is refused, or begins somewhere: it is never an error of the service', async () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.double(),
    fc.constantFrom('9'.repeat(19), '-9223372036854775809', 's1', uuid, null, '\u0000', '\ud800'),
  )
  await checkProperty(
    'cursors',
    fc.tuple(
      fc.constantFrom(...lists),
      fc.oneof(
        fc.string(),
        fc.array(value, { maxLength: 3 }).map((keys) => Buffer.from(JSON.stringify(keys)).toString('base64url')),
      ),
    ),
    async ([path, cursor]) => {
      const { status } = await ask(served(), `${path}cursor=${encodeURIComponent(cursor)}`, { as: people.user })
      expect([200, 400, 404]).toContain(status)
    },
    { runs: 150 },
  )
})

test('nothing that was asked is in the log', async () => {
  const secret = 'secret-of-a-caller'
  await ask(served(), `/streams?status=${secret}`)
  await ask(served(), `/streams/${secret}`)
  await ask(served(), '/streams/s1/comments', { as: people.user, method: 'POST', body: { content: '', secret } })
  expect(served().lines.join('\n')).not.toContain(secret)
  expect(served().lines).toEqual([])
})
