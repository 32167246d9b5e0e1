// What is written over HTTP: a play is counted everywhere when it is answered, a payment is no play, and who may refresh may refresh.
// What is cached lasts for others and not for whoever wrote.

import { beforeAll, describe, expect, test } from 'vitest'
import { sql, tableTag } from 'pgstrata'
import { addArtist, addListener, addSong, ask, manageToken, useService } from './service-support.ts'

const served = useService()
let song = 0
beforeAll(async () => {
  await addArtist(served(), '0xada')
  await addArtist(served(), '0xbob')
  await addListener(served(), '0xl1')
  song = await addSong(served(), { title: 'Loud', artist: '0xada' })
})

const play = (more: object = {}): Promise<Awaited<ReturnType<typeof ask>>> =>
  ask(served(), '/plays', { body: { song_id: song, listener_address: '0xl1', duration_s: 200, ...more } })

describe('a play', () => {
  test('has what the song says of itself, and is in what the next read shows', async () => {
    const before = (await ask(served(), '/artists/0xada')).body['total_plays']
    const { status, body, headers } = await play({ amount: '0.01' })
    expect([status, body]).toMatchObject([
      201,
      {
        song_id: song,
        artist_address: '0xada',
        genre: 'Jazz',
        strategy: 'pay-per-stream',
        listener_address: '0xl1',
        duration_s: 200,
        amount: '0.01000000',
      },
    ])
    const token = headers.get('x-pgstrata-token') ?? ''
    const mine = await ask(served(), '/artists/0xada', { headers: { 'x-pgstrata-token': token } })
    expect([before, mine.body['total_plays'], mine.body['total_earnings']]).toEqual([0, 1, '0.01000000'])
    const listener = await ask(served(), '/listeners/0xl1/plays?fields=title,amount')
    expect(listener.body['plays']).toEqual([{ title: 'Loud', amount: '0.01000000' }])
  })

  test('lasts in the cache for others, until its time is over or the artist changes', async () => {
    const read = async (headers: Readonly<Record<string, string>> = {}): Promise<unknown> =>
      (await ask(served(), '/artists/0xada?fields=total_plays,artist_name', { headers })).body
    await served().strata.cache.clear()
    const before = (await read()) as { total_plays: number }
    const { headers } = await play()
    expect(await read()).toEqual(before)
    const mine = { total_plays: before.total_plays + 1, artist_name: 'Artist 0xada' }
    expect(await read({ 'x-pgstrata-token': headers.get('x-pgstrata-token') ?? '' })).toEqual(mine)
    // What was loaded for the one serves the others.
    expect(await read()).toEqual(mine)
    const { hits } = { hits: served().strata.cache.stats().namespaces['artistProfile']?.localHits ?? 0 }
    await read()
    expect(served().strata.cache.stats().namespaces['artistProfile']?.localHits).toBe(hits + 1)
    await served().strata.query(sql`update artists set artist_name = 'Ada' where artist_address = '0xada'`)
    await served().strata.cache.invalidate({ tags: [tableTag('public', 'artists')] })
    expect(await read()).toMatchObject({ artist_name: 'Ada' })
  })

  test('a cached read does not make the session newer, so that the next is served from the cache as well', async () => {
    const first = await ask(served(), '/platform')
    expect(first.headers.get('set-cookie')).toBeNull()
    expect((await play()).headers.get('set-cookie')).toMatch(/^pgstrata=/)
  })

  test.each([
    [{ song_id: 999_999 }, 404, 'There is no such song'],
    [{ listener_address: '0xnobody' }, 404, 'There is no such listener'],
    [{ song_id: 'x' }, 400, 'body.song_id: expected an integer'],
    [{ song_id: 0 }, 400, 'body.song_id: expected >= 1'],
    [{ duration_s: -1 }, 400, 'body.duration_s: expected >= 0'],
    [{ duration_s: undefined }, 400, 'body: expected duration_s to be there'],
    [{ amount: '1e3' }, 400, 'body.amount: expected'],
    [{ amount: '0.123456789' }, 400, 'body.amount: expected'],
    [{ listener_address: 'a\0b' }, 400, 'body.listener_address: expected'],
    [{ played_at: '2020-01-01' }, 400, 'body: expected nothing but what this path knows'],
  ])('%j is refused', async (more, wanted, message) => {
    const { status, body } = await play(more)
    expect([status, body.error?.message.startsWith(message)], body.error?.message).toEqual([wanted, true])
  })
})

describe('a payment', () => {
  const pay = (more: object = {}): Promise<Awaited<ReturnType<typeof ask>>> =>
    ask(served(), '/payments', {
      body: { payer_address: '0xl1', artist_address: '0xada', kind: 'gift', amount: '12.5', ...more },
    })

  test('adds to the volume, and is neither a play nor an earning', async () => {
    const platform = async (token?: string): Promise<Record<string, unknown>> =>
      (await ask(served(), '/platform', token === undefined ? {} : { headers: { 'x-pgstrata-token': token } })).body
    await served().strata.cache.clear()
    const before = await platform()
    const { status, body, headers } = await pay({ song_id: song, kind: 'stream' })
    expect([status, body]).toMatchObject([
      201,
      { payer_address: '0xl1', artist_address: '0xada', song_id: song, kind: 'stream', amount: '12.50000000' },
    ])
    const after = await platform(headers.get('x-pgstrata-token') ?? '')
    expect(Number(after['total_volume'])).toBe(Number(before['total_volume']) + 12.5)
    expect(after['total_plays']).toBe(before['total_plays'])
  })

  test.each([
    [{ payer_address: '0xnobody' }, 404, 'There is no such listener'],
    [{ artist_address: '0xnobody' }, 404, 'There is no such artist'],
    [{ song_id: 999_999 }, 400, 'body.song_id: expected a song of that artist, or none'],
    [{ kind: 'loan' }, 400, 'body.kind: expected one of stream, gift, patronage, auction'],
    [{ amount: '-1' }, 400, 'body.amount: expected'],
  ])('%j is refused', async (more, wanted, message) => {
    const { status, body } = await pay(more)
    expect([status, body.error?.message.startsWith(message)], body.error?.message).toEqual([wanted, true])
  })

  test('of a song by another artist is refused', async () => {
    expect((await pay({ artist_address: '0xbob', song_id: song })).status).toBe(400)
  })
})

describe('refreshing', () => {
  const refresh = (token?: string): Promise<Awaited<ReturnType<typeof ask>>> =>
    ask(served(), '/refresh', {
      method: 'POST',
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    })

  test('says what it did, and discards what is cached', async () => {
    await play()
    const { status, body } = await refresh(manageToken)
    expect([status, body]).toMatchObject([200, { cache: 'everywhere' }])
    expect((body['views'] as { view: string; outcome: string }[]).map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 6 }, () => 'refreshed'),
    )
    expect(body['merged']).toContain('song_plays')
    const { rows } = await served().strata.query<{ n: string }>(
      sql`select total_plays as n from materialized.platform_stats`,
    )
    expect(Number(rows[0]?.n)).toBe((await ask(served(), '/platform')).body['total_plays'])
  })

  test('needs a token', async () => {
    for (const token of [undefined, 'another-token-of-some-length'])
      expect((await refresh(token)).body.error?.code).toBe('UNAUTHORIZED')
  })
})

test('metrics are for those who have a token', async () => {
  const metrics = await ask(served(), '/metrics/database', { headers: { authorization: `Bearer ${manageToken}` } })
  expect([metrics.status, String(metrics.body['text']).includes('pool')]).toEqual([200, true])
})

test('nothing went wrong that nobody expected', () => {
  expect(served().lines).toEqual([])
})
