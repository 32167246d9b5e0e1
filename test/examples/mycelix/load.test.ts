// A load of what pages and players ask, for a few seconds: every request is answered as it should be, each play is counted, and nothing
// is left over.

import { beforeAll, expect, test } from 'vitest'
import { scaled } from '../../support/property.ts'
import { runLoad } from '../support/load.ts'
import { addArtist, addListener, addPlay, addSong, ask, useService } from './service-support.ts'

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

test('an open-loop load has no errors, and leaves nothing behind', async () => {
  const requests = scaled(300)
  const on = served()
  /** How often each comes is as it stands here. */
  const mix = [
    () => ask(on, '/platform'),
    () => ask(on, '/songs/trending?limit=12'),
    () => ask(on, '/songs/top?limit=10'),
    (round: number) => ask(on, `/artists/0xa${round % people}`),
    (round: number) => ask(on, `/artists/0xa${round % people}/earnings?days=30`),
    (round: number) => ask(on, `/songs/${songs[round % people]}`),
    (round: number) => ask(on, `/listeners/0xl${round % people}`),
    () => ask(on, '/genres/shares'),
    (round: number) => {
      const who = round % people
      return ask(on, '/plays', { body: { song_id: songs[who], listener_address: `0xl${who}`, duration_s: 30 } })
    },
    () => ask(on, `/songs?genre=Jazz&sortBy=play_count&limit=5`),
  ]
  const check = async (): Promise<void> => {
    await on.strata.cache.clear()
    const { body } = await ask(on, '/platform')
    expect(body['total_plays']).toBe(people + requests / mix.length)
  }
  const streams = songs.map(() => ({}))
  await runLoad(on, { requests, mix, streams, topic: { rollup: 'platform_plays' }, check })
})
