// Comments over HTTP: written, paged while others write, hidden and shown again by those who may.

import { beforeAll, describe, expect, test } from 'vitest'
import { addStream, addUser, ask, operatorWallet, useService, type Answer } from './service-support.ts'

const served = useService()
const people = { author: '', sponsor: '', operator: '', stranger: '' }

beforeAll(async () => {
  const { db } = served()
  await addStream(db, 'music', { sponsor: '0xsponsor-of-music' })
  people.author = await addUser(db, 'author')
  people.sponsor = await addUser(db, 'sponsor', '0xsponsor-of-music')
  people.operator = await addUser(db, 'operator', operatorWallet)
  people.stranger = await addUser(db, 'stranger')
})

const path = '/streams/music/comments'
const say = (content: unknown, as: string | undefined = people.author): Promise<Answer> =>
  ask(served(), path, { as, method: 'POST', body: { content } })
const list = async (query = '', as?: string): Promise<readonly Record<string, unknown>[]> =>
  (await ask(served(), `${path}${query}`, { as })).body['comments'] as readonly Record<string, unknown>[]

test('without comments the list is empty', async () => {
  expect((await ask(served(), path)).body).toEqual({ comments: [], next: null })
})

test('what is said is there at once, with the name of who said it, newest first', async () => {
  const said = await say('first')
  expect([said.status, said.body]).toMatchObject([
    201,
    { content: 'first', display_name: 'author', stream_id: 'music' },
  ])
  await say('second <b>& more</b> 🎧')
  expect((await list('?fields=content')).map(({ content }) => content)).toEqual(['second <b>& more</b> 🎧', 'first'])
})

test('only what can be read is taken: some text of at most 2,000 characters', async () => {
  for (const content of ['', '   ', 'a\u0000b', 'x'.repeat(2_001), 7.5, null, undefined, { text: 'a' }])
    expect((await say(content)).status, JSON.stringify(content)).toBe(content === 7.5 ? 201 : 400)
  expect((await say('🎧'.repeat(2_000))).status).toBe(201)
  expect(
    (await ask(served(), path, { as: people.author, method: 'POST', body: { content: 'a', status: 'HIDDEN' } })).status,
  ).toBe(400)
})

test('nobody who is not known says anything', async () => {
  for (const as of [undefined, 'nobody', '00000000-0000-4000-8000-000000000000'])
    expect((await ask(served(), path, { as, method: 'POST', body: { content: 'a' } })).status).toBe(401)
})

describe('moderation', () => {
  const moderate = (id: string, act: 'hide' | 'show', as: string | undefined, body?: unknown): Promise<Answer> =>
    ask(served(), `/comments/${id}/${act}`, { as, method: 'POST', body })

  test('is for the sponsor of the stream and for operators', async () => {
    const id = (await say('moderated')).body['comment_id'] as string
    expect((await moderate(id, 'hide', undefined)).status).toBe(401)
    for (const as of [people.author, people.stranger]) expect((await moderate(id, 'hide', as)).status).toBe(403)
    for (const as of [people.sponsor, people.operator]) {
      expect((await moderate(id, 'hide', as, { reason: 'not nice' })).body).toEqual({
        comment_id: id,
        status: 'HIDDEN',
      })
      expect((await list('?limit=100')).map((row) => row['comment_id'])).not.toContain(id)
      const [hidden] = await list('?status=HIDDEN', as)
      expect(hidden).toMatchObject({ comment_id: id, moderated_by: as, reason: 'not nice' })
      expect((await moderate(id, 'show', as)).body).toEqual({ comment_id: id, status: 'VISIBLE' })
      expect((await list('?limit=100')).map((row) => row['comment_id'])).toContain(id)
    }
  })

  test('of hidden ones nobody else hears', async () => {
    expect((await ask(served(), `${path}?status=HIDDEN`)).status).toBe(401)
    expect((await ask(served(), `${path}?status=HIDDEN`, { as: people.author })).status).toBe(403)
  })

  test('twice the same changes nothing: who was first stays named', async () => {
    const id = (await say('twice')).body['comment_id'] as string
    await moderate(id, 'hide', people.sponsor, { reason: 'first' })
    await moderate(id, 'hide', people.operator, { reason: 'second' })
    const hidden = (await list('?status=HIDDEN', people.sponsor)).find((row) => row['comment_id'] === id)
    expect(hidden).toMatchObject({ moderated_by: people.sponsor, reason: 'first' })
  })

  test('the sponsor of one stream has no say in another', async () => {
    await addStream(served().db, 'talk', { sponsor: '0xsomebody-else' })
    const { body } = await ask(served(), '/streams/talk/comments', {
      as: people.author,
      method: 'POST',
      body: { content: 'a' },
    })
    expect((await moderate(body['comment_id'] as string, 'hide', people.sponsor)).status).toBe(403)
    expect((await moderate('999999999', 'hide', people.sponsor)).status).toBe(404)
  })
})

test('a walk through the pages, while others write, gives each comment that was there once', async () => {
  await addStream(served().db, 'busy')
  const busy = '/streams/busy/comments'
  const write = (n: string): Promise<Answer> =>
    ask(served(), busy, { as: people.author, method: 'POST', body: { content: `comment ${n}` } })
  const before: string[] = []
  for (let n = 0; n < 23; n++) before.push((await write(String(n))).body['comment_id'] as string)
  const seen: string[] = []
  let cursor: string | null = ''
  for (let page = 0; cursor !== null; page++) {
    const [answer] = await Promise.all([
      ask(served(), `${busy}?limit=4&fields=comment_id${cursor === '' ? '' : `&cursor=${cursor}`}`),
      write(`during ${page} a`),
      write(`during ${page} b`),
    ])
    seen.push(...(answer.body['comments'] as readonly { readonly comment_id: string }[]).map((row) => row.comment_id))
    cursor = answer.body['next'] as string | null
  }
  expect(new Set(seen).size).toBe(seen.length)
  expect(before.filter((id) => !seen.includes(id))).toEqual([])
})
