// A mix of what pages and players ask, at a fixed pace that does not wait for answers, for a few seconds: every request is answered as it
// should be, each play is counted, and afterwards nothing is left over: no client in use, no stream.

import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { followLive } from 'pgstrata/live-client/node'
import { scaled } from '../../support/property.ts'
import { waitUntil } from '../../support/wait.ts'
import { addArtist, addListener, addPlay, addSong, ask, useService, type Answer } from './service-support.ts'

const served = useService()
const songs: number[] = []
const people = 10

beforeAll(async () => {
  for (let n = 0; n < people; n++) {
    await addArtist(served(), `0xa${n}`)
    await addListener(served(), `0xl${n}`)
    songs.push(await addSong(served(), { title: `Song ${n}`, artist: `0xa${n}`, genre: n % 2 === 0 ? 'Jazz' : 'Folk' }))
  }
  for (const [n, song] of songs.entries()) await addPlay(served(), { song, listener: `0xl${n}` })
})

/** One request of the mix; how often each comes is as it stands here. */
function request(n: number): Promise<Answer> {
  const round = Math.floor(n / 10)
  const who = round % people
  const song = songs[who]
  const kinds: readonly (() => Promise<Answer>)[] = [
    () => ask(served(), '/platform'),
    () => ask(served(), '/songs/trending?limit=12'),
    () => ask(served(), '/songs/top?limit=10'),
    () => ask(served(), `/artists/0xa${who}`),
    () => ask(served(), `/artists/0xa${who}/earnings?days=30`),
    () => ask(served(), `/songs/${song}`),
    () => ask(served(), `/listeners/0xl${who}`),
    () => ask(served(), '/genres/shares'),
    () => ask(served(), '/plays', { body: { song_id: song, listener_address: `0xl${who}`, duration_s: 30 } }),
    () => ask(served(), `/songs?genre=Jazz&sortBy=play_count&limit=5`),
  ]
  const kind = kinds[n % kinds.length]
  if (kind === undefined) throw new Error('The mix is empty')
  return kind()
}

const everyMs = 10

test('an open-loop load has no errors, and leaves nothing behind', async () => {
  const requests = scaled(300)
  const streams = songs.map(() =>
    followLive({
      url: `${served().url}/live`,
      subscriptions: [{ topic: { rollup: 'platform_plays' } }],
      onRefresh: () => undefined,
    }),
  )
  onTestFinished(() => streams.forEach((stream) => stream.close()))
  await waitUntil(() => served().strata.live.status().connections === streams.length, { what: 'the streams are open' })
  const answers: Promise<Answer>[] = []
  const beganMs = performance.now()
  await waitUntil(
    () => {
      const due = Math.min(requests, Math.ceil((performance.now() - beganMs) / everyMs))
      while (answers.length < due) answers.push(request(answers.length))
      return answers.length === requests
    },
    { what: 'all are asked', timeoutMs: requests * everyMs * 20 },
  )
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([200, 201]))
  await served().strata.cache.clear()
  const { body } = await ask(served(), '/platform')
  expect(body['total_plays']).toBe(people + requests / 10)
  for (const stream of streams) stream.close()
  const { pool, live } = served().strata
  await waitUntil(() => live.status().connections === 0, { what: 'the streams are gone' })
  await waitUntil(() => pool.totalCount === pool.idleCount && pool.waitingCount === 0, { what: 'every client is back' })
  expect(pool.totalCount).toBeLessThanOrEqual(20)
  expect(served().lines).toEqual([])
})
