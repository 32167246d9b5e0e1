// The page in a real Chromium, over the real service: loading, empty, full and failed at both sizes, without complaint and without
// scrolling sideways; and a play that is recorded elsewhere moves what the page shows.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { sql } from 'pgstrata'
import { openService, type Service } from '../../../examples/mycelix/src/service.ts'
import { generate } from '../../../examples/mycelix/src/generator/generate.ts'
import { desktop, narrowPhone, phone, useBrowser, type Visit, type VisitOptions } from '../../support/browser.ts'
import { skipped } from '../../support/versions.ts'
import { waitUntil } from '../../support/wait.ts'
import { ask, deployMycelix, testConfig } from './service-support.ts'

const sizes = { phone, desktop } as const
const looks = {
  ...sizes,
  'phone-dark': { ...phone, dark: true },
  'desktop-dark': { ...desktop, dark: true },
  narrow: narrowPhone,
}

describe.skipIf(skipped.has('chromium'))('the page', () => {
  const visit = useBrowser()
  let cluster: EmbeddedCluster
  let service: Service
  let artist = ''
  beforeAll(async () => {
    cluster = await startCluster({ inMemory: true })
    const config = testConfig({ url: cluster.primary.url(), months: 12 })
    await deployMycelix(config)
    service = await openService({ config, port: 0 })
  })
  afterAll(async () => {
    await service.close()
    await cluster.stop()
  })

  const open = async (options: VisitOptions, hash = ''): Promise<Visit> => {
    const opened = await visit(`${service.url}/${hash}`, options)
    await settled(opened)
    return opened
  }
  /** Nothing loads any more, and the live events are there. */
  const settled = async ({ page }: Visit): Promise<void> => {
    const isSettled = `document.querySelectorAll('.state').length > 0 &&
      [...document.querySelectorAll('.state')].every((one) => one.dataset.state !== 'loading' && one.ariaBusy !== 'true')`
    await waitUntil(async () => await page.evaluate<boolean>(isSettled), { what: 'the page has loaded' })
    await page.waitForSelector('.live[data-live=connected]')
  }
  const stateOf = ({ page }: Visit, id: string): Promise<string | null> => page.getAttribute(`#${id}`, 'data-state')

  test.each(Object.entries(sizes))('empty, %s', async (name, options) => {
    const opened = await open(options)
    const platform = opened.page.locator('#platform')
    expect(await stateOf(opened, 'platform')).toBe('full')
    expect(await platform.innerText()).toMatch(/Plays\s+0/)
    for (const id of ['trending', 'shares', 'top']) expect([id, await stateOf(opened, id)]).toEqual([id, 'empty'])
    await opened.screenshot(`mycelix-empty-${name}`)
    expect([opened.errors, await opened.overflowing()]).toEqual([[], []])
    const listener = await open(options, '#/listener')
    expect(await listener.page.innerText('#listener')).toContain('Nobody listens yet')
    await listener.screenshot(`mycelix-empty-listener-${name}`)
    expect([listener.errors, await listener.overflowing()]).toEqual([[], []])
  })

  describe('with plays', () => {
    beforeAll(async () => {
      await generate(service.strata, { plays: 20_000, existing: 'append' })
      for (const { name } of service.strata.rollup.declared) await service.strata.rollup.merge(name)
      await service.strata.cache.clear()
      const { rows } = await service.strata.query<{ artist_address: string }>(
        sql`select artist_address from artist_plays_totals order by plays desc limit 1`,
      )
      artist = rows[0]?.artist_address ?? ''
      await waitUntil(() => service.strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
    })

    test.each(Object.entries(looks))('full, %s', async (name, options) => {
      const opened = await open(options)
      for (const [view, hash, ids] of [
        ['overview', '#/', ['platform', 'trending', 'shares', 'top']],
        ['artist', `#/artists/${artist}`, ['artist', 'earnings', 'songs']],
        ['listener', '#/listener', ['listener', 'plays']],
      ] as const) {
        await opened.page.goto(`${service.url}/${hash}`)
        await opened.page.waitForSelector(`#${ids[0]}`)
        await settled(opened)
        for (const id of ids) expect([id, await stateOf(opened, id)]).toEqual([id, 'full'])
        await opened.screenshot(`mycelix-${view}-${name}`)
        expect([view, opened.errors, await opened.overflowing()]).toEqual([view, [], []])
      }
    })

    test.each(Object.entries(sizes))('loading, %s', async (name, options) => {
      const opened = await visit('about:blank', options)
      const { page } = opened
      let held = 0
      let release = (): void => undefined
      const gate = new Promise<void>((resolve) => void (release = resolve))
      await page.route(/\/(platform|songs|genres)/, async (route) => {
        held++
        await gate
        await route.continue()
      })
      await page.goto(service.url)
      await waitUntil(() => held >= 4, { what: 'all are asked for' })
      for (const id of ['platform', 'trending', 'shares', 'top'])
        expect([id, await stateOf(opened, id)]).toEqual([id, 'loading'])
      expect(await page.locator('#trending .bone').count()).toBe(14)
      await opened.screenshot(`mycelix-loading-${name}`)
      expect(await opened.overflowing()).toEqual([])
      release()
      await settled(opened)
      expect(opened.errors).toEqual([])
    })

    test.each(Object.entries(sizes))('failed, and there after another try, %s', async (name, options) => {
      const opened = await visit('about:blank', options)
      const { page, errors } = opened
      const away = JSON.stringify({ error: { code: 'UNAVAILABLE', message: 'The database cannot be reached' } })
      await page.route(/\/(platform|songs|genres)/, (route) =>
        route.fulfill({ status: 503, contentType: 'application/json', body: away }),
      )
      await page.goto(service.url)
      await page.waitForSelector('#trending[data-state=error]')
      for (const id of ['platform', 'trending', 'shares', 'top']) await page.waitForSelector(`#${id}[data-state=error]`)
      expect(await page.innerText('#trending [role=alert]')).toContain('The database cannot be reached')
      await opened.screenshot(`mycelix-error-${name}`)
      expect(await opened.overflowing()).toEqual([])
      await page.unroute(/\/(platform|songs|genres)/)
      for (const id of ['platform', 'trending', 'shares', 'top']) {
        await page.evaluate(`document.querySelector('#${id} [role=alert] button')?.click()`)
        await page.waitForSelector(`#${id}[data-state=full]`)
      }
      // The refused ones are told by the browser itself.
      expect(errors.filter((error) => !error.includes('503'))).toEqual([])
    })

    test('an artist who is not there is told of', async () => {
      const opened = await visit(`${service.url}/#/artists/0xnobody`, desktop)
      await opened.page.waitForSelector('#artist[data-state=empty]')
      expect(await opened.page.innerText('#artist')).toContain('There is no such artist')
      expect(opened.errors.filter((error) => !error.includes('404'))).toEqual([])
    })

    test('a play recorded by HTTP moves the numbers, the order and the artist, without a reload', async () => {
      const overview = await open(desktop)
      const { rows } = await service.strata.query<{ song_id: string; artist_address: string; listener: string }>(sql`
        select song_id, artist_address, (select listener_address from listeners limit 1) as listener
        from song_plays_totals
        join songs using (song_id)
        order by trending
        limit 1`)
      const [last] = rows
      if (last === undefined) throw new Error('There are songs')
      const ofArtist = await open(desktop, `#/artists/${last.artist_address}`)
      const plays = async ({ page }: Visit, id: string): Promise<number> =>
        Number((await page.locator(`#${id} .tile-value`).first().innerText()).replaceAll(',', ''))
      const before = [await plays(overview, 'platform'), await plays(ofArtist, 'artist')]
      const times = 30
      for (let n = 0; n < times; n++) {
        const body = { song_id: Number(last.song_id), listener_address: last.listener, duration_s: 60 }
        expect((await ask(service, '/plays', { body })).status).toBe(201)
      }
      const after = before.map((count) => count + times)
      await waitUntil(async () => (await plays(overview, 'platform')) === after[0], { what: 'the platform has moved' })
      await waitUntil(async () => (await plays(ofArtist, 'artist')) === after[1], { what: 'the artist has moved' })
      const { body } = await ask(service, `/songs/${last.song_id}`)
      await waitUntil(
        async () =>
          (await overview.page.locator('#trending .bar-name').allInnerTexts()).includes(String(body['title'])),
        { what: 'the job has merged, and the song is trending', timeoutMs: 30_000 },
      )
      expect([overview.errors, ofArtist.errors]).toEqual([[], []])
    })

    test('a play button records a play, and the listener sees it', async () => {
      const opened = await open(phone, '#/listener')
      const { page } = opened
      const tile = page.locator('#listener .tile-value').first()
      const before = Number((await tile.innerText()).replaceAll(',', ''))
      await page.getByRole('link', { name: 'Overview' }).click()
      await settled(opened)
      const row = page.locator('#trending .bar').first()
      const title = await row.locator('.bar-name').innerText()
      await row.getByRole('button', { name: `Play ${title}` }).click()
      await page.waitForSelector('#toast:not([hidden])')
      expect(await page.innerText('#toast')).toBe(`Played “${title}”`)
      await page.getByRole('link', { name: 'Listener' }).click()
      await waitUntil(async () => Number((await tile.innerText()).replaceAll(',', '')) === before + 1, {
        what: 'the play is counted',
      })
      expect(await page.locator('#plays .song-title').first().innerText()).toBe(title)
      await page.getByRole('button', { name: 'Show older' }).click()
      await page.locator('#plays tbody tr').nth(10).waitFor()
      expect(opened.errors).toEqual([])
    })

    test('an artist is found by keys alone', async () => {
      const opened = await open(desktop)
      const { page } = opened
      const name = (await ask(service, `/artists/${artist}`)).body['artist_name'] as string
      await page.getByRole('combobox', { name: 'Find an artist' }).focus()
      await page.keyboard.type(name)
      await page.waitForSelector('#found-0')
      await opened.screenshot('mycelix-search-desktop')
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('Enter')
      await waitUntil(async () => (await page.title()) === `${name} · Mycelix`, { what: 'the artist is shown' })
      expect(page.url()).toContain('#/artists/')
      await page.keyboard.press('Tab')
      expect(opened.errors).toEqual([])
    })
  })
})
