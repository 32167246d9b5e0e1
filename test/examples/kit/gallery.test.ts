// The pieces of the kit in a real browser: each state is there, nothing complains, nothing has to be scrolled sideways.

import { fileURLToPath } from 'node:url'
import { createApp, HttpError, servePages, type App } from 'pgstrata-example-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { desktop, narrowPhone, phone, useBrowser, type Visit, type VisitOptions } from '../../support/browser.ts'
import { skipped } from '../../support/versions.ts'

const looks: readonly (readonly [name: string, options: VisitOptions])[] = [
  ['phone-light', phone],
  ['phone-dark', { ...phone, dark: true }],
  ['narrow', narrowPhone],
  ['desktop-light', desktop],
  ['desktop-dark', { ...desktop, dark: true }],
]

describe.skipIf(skipped.has('chromium'))('the gallery', () => {
  const visit = useBrowser()
  let app: App
  let url: string
  let isBroken = false
  beforeAll(async () => {
    app = createApp({ graceMs: 50 })
    await servePages(app, {
      folder: fileURLToPath(new URL('../../../examples/kit/web/', import.meta.url)),
      files: { '/': 'gallery.html', '/kit/gallery.js': 'gallery.js' },
    })
    app.get<{ Params: { wanted: string } }>('/state/:wanted', async ({ params: { wanted } }) => {
      if (wanted === 'loading') await new Promise(() => undefined)
      if (wanted === 'error' || isBroken) {
        throw new HttpError({ status: 503, code: 'UNAVAILABLE', message: 'The database cannot be reached' })
      }
      return { items: wanted === 'empty' ? [] : [1] }
    })
    url = await app.listen({ host: '127.0.0.1', port: 0 })
  })
  afterAll(() => app.close())

  const open = async (options: VisitOptions): Promise<Visit> => {
    const opened = await visit(url, options)
    await opened.page.waitForSelector('html[data-ready=yes]')
    return opened
  }

  test.each(looks)('%s: all states, no complaint, no scrolling sideways', async (name, options) => {
    const { page, errors, overflowing, screenshot } = await open(options)
    // The refused ones are told by the browser itself.
    expect(errors.filter((error) => !error.includes('503'))).toEqual([])
    for (const piece of ['bars', 'lines']) {
      for (const state of ['full', 'empty', 'error', 'loading']) {
        expect(await page.getAttribute(`#${piece}-${state}`, 'data-state'), `${piece} ${state}`).toBe(state)
      }
    }
    expect(await page.locator('#bars-error [role=alert]').innerText()).toContain('The database cannot be reached')
    expect(await page.locator('#bars-empty').innerText()).toContain('No plays yet')
    expect(await page.locator('#bars-loading .bone').count()).toBe(5)
    expect(await page.locator('#lines-full canvas').count()).toBe(1)
    expect(await overflowing()).toEqual([])
    await screenshot(`kit-${name}`)
  })

  test('what is shown stays while it fails, and comes back with another try', async () => {
    const { page } = await open(desktop)
    const failed = page.locator('#bars-error')
    const answered = page.waitForResponse(/state\/error/)
    await failed.getByRole('button', { name: 'Try again' }).click()
    expect((await answered).status()).toBe(503)
    await page.evaluate(`globalThis.again = import('/kit/state.js').then(({ createState }) => {
      const host = document.createElement('div')
      host.id = 'again'
      document.body.append(host)
      return createState(host, {
        load: async () => { const r = await fetch('/state/full'); if (!r.ok) throw new Error('away'); return r.json() },
        render: (_, body) => { body.textContent = 'shown' },
      })
    })`)
    await page.evaluate(`globalThis.again.then((state) => state.refresh())`)
    isBroken = true
    try {
      await page.evaluate(`globalThis.again.then((state) => state.refresh())`)
      const again = page.locator('#again')
      expect(await again.getAttribute('data-state')).toBe('full')
      expect(await again.locator('.state-body').innerText()).toBe('shown')
      expect(await again.locator('[role=alert]').innerText()).toContain('Not up to date. away')
      isBroken = false
      await again.getByRole('button', { name: 'Try again' }).click()
      await again.locator('[role=alert]').waitFor({ state: 'detached' })
    } finally {
      isBroken = false
    }
  })

  test('bars take their new order and values, and keep their rows', async () => {
    const { page } = await open({ ...desktop, moves: true })
    const names = page.locator('#bars-full .bar-name')
    const before = await names.allInnerTexts()
    await page.evaluate(`document.querySelector('#bars-full .bar').dataset.mark = 'first'`)
    await page.evaluate(`document.querySelector('#shuffle').click()`)
    expect(await names.allInnerTexts()).toEqual(before.toReversed())
    expect(await page.getAttribute('#bars-full .bar:last-child', 'data-mark')).toBe('first')
    expect(await page.locator('#bars-full .bar-value').first().innerText()).toBe('50\u00A0k')
    expect(await page.locator('#bars-full .bar-rank').allInnerTexts()).toEqual(['1', '2', '3', '4', '5'])
  })

  test('lines say what stands under the pointer', async () => {
    const { page } = await open(desktop)
    const plot = page.locator('#lines-full .u-over')
    await plot.scrollIntoViewIfNeeded()
    await plot.hover({ position: { x: 120, y: 60 } })
    const tip = page.locator('#lines-full .lines-tip')
    await tip.waitFor({ state: 'visible' })
    expect(await tip.innerText()).toMatch(/FLOW\s*\d/)
    expect(await page.getAttribute('#lines-full [role=img]', 'aria-label')).toMatch(/^Earnings a day: 60 points/)
  })

  test('lines that were closed are not drawn again when the colours change', async () => {
    const { page } = await open(desktop)
    await page.evaluate(`import('/kit/chart-lines.js').then(({ createLines }) => {
      const [closed] = ['closed', 'kept'].map((id) => {
        const host = document.createElement('div')
        host.id = id
        document.body.append(host)
        const chart = createLines(host, { label: id, lines: [{ label: 'One' }] })
        chart.update({ times: [0, 60_000], values: [[1, 2]] })
        return chart
      })
      closed.close()
      document.querySelector('#kept canvas').dataset.mark = 'drawn before'
    })`)
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.locator('#kept canvas:not([data-mark])').waitFor()
    expect(await page.locator('#closed canvas').count()).toBe(0)
  })

  test('the shell opens the view of the hash, and closes the one before it', async () => {
    const { page } = await open(desktop)
    await page.evaluate(`import('/kit/shell.js').then(({ findRoute, openShell, say }) => {
      document.body.innerHTML = '<a id="skip" href="#main">Skip</a><nav id="nav"></nav><main id="main" tabindex="-1"></main><p id="said"></p>'
      globalThis.told = []
      const viewOf = (title) => (id) => ({
        title,
        element: Object.assign(document.createElement('p'), { textContent: title + ' ' + id }),
        refresh: () => told.push('fetches ' + title),
        close: () => told.push('closes ' + title),
      })
      const routes = [[/^#\\/songs\\/([^/]+)$/, viewOf('Song'), '#/songs'], [/^#\\/lost$/, viewOf('Lost')], [/^/, viewOf(''), '#/']]
      const shell = openShell({
        name: 'app',
        pages: () => [['#/', 'Home'], ['#/songs', 'Songs']],
        route: () => {
          const { create, id, page } = findRoute(routes)
          return { create: () => create(id), page }
        },
        onOpen: ({ title }) => told.push('shows ' + title),
        mayMove: () => location.hash !== '#/nowhere',
      })
      shell.open()
      say('It is open')
    })`)
    const main = page.locator('#main')
    const marked = page.locator('#nav [aria-current=page]')
    const focused = (): Promise<unknown> => page.evaluate(`document.activeElement.id`)
    expect([await page.title(), await marked.innerText(), await focused()]).toEqual(['app', 'Home', ''])
    expect(await page.innerText('#said')).toBe('It is open')
    for (const [hash, text, title] of [
      ['#/songs/a%2Fb', 'Song a/b', 'Song · app'],
      // No text of its own, and no reason to fail.
      ['#/songs/%E0%A4', 'Song %E0%A4', 'Song · app'],
    ] as const) {
      await page.evaluate(`location.hash = '${hash}'`)
      await main.getByText(text, { exact: true }).waitFor()
      expect([await page.title(), await marked.innerText(), await focused()]).toEqual([title, 'Songs', 'main'])
    }
    await page.evaluate(`document.activeElement.blur()`)
    await page.locator('#skip').click()
    expect([await focused(), await page.evaluate('location.hash')]).toEqual(['main', '#/songs/%E0%A4'])
    await page.evaluate(`new Promise((resolve) => {
      addEventListener('hashchange', resolve, { once: true })
      location.hash = '#/nowhere'
    })`)
    await page.evaluate(`location.hash = '#/lost'`)
    await main.getByText('Lost', { exact: true }).waitFor()
    expect(await marked.count()).toBe(0)
    const song = 'fetches Song, shows Song, closes Song'
    expect(await page.evaluate(`told.join(', ')`)).toBe(
      `fetches , shows , closes , ${song}, ${song}, fetches Lost, shows Lost`,
    )
  })

  test('shares of more than eight are gathered, and said in words', async () => {
    const { page } = await open(desktop)
    expect(await page.locator('#shares-full .shares-list li').count()).toBe(8)
    const label = await page.getAttribute('#shares-full svg', 'aria-label')
    expect(label).toContain('Electronic 41')
    expect(label).toContain('3 others 3.0')
  })
})
