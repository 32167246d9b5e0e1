// The live badge of a page on real events: live, reconnecting while its server is away, live again, and nothing missed.

import { fastifyLive } from 'pgstrata/http'
import { createApp, servePages, type App } from 'pgstrata-example-kit'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { createFeed, type Feed } from '../../../src/changes/feed/index.ts'
import { createLive } from '../../../src/live/index.ts'
import type { TopicSpec } from '../../../src/live/topic.ts'
import { sql } from '../../../src/sql/sql.ts'
import { prepareFeed, stopFeeds } from '../../changes/feed/support.ts'
import { item } from '../../live/support.ts'
import { desktop, useBrowser } from '../../support/browser.ts'
import { freePort } from '../../support/free-port.ts'
import { useDatabase, versions } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { skipped } from '../../support/versions.ts'
import { waitUntil } from '../../support/wait.ts'

const html =
  '<!doctype html><link rel="icon" href="data:,"><main id="main"></main><script type="module" src="/page.js"></script>'
const script = `
import { byId, h } from '/kit/dom.js'
import { connectLive, createLiveBadge } from '/kit/live.js'
const badge = createLiveBadge()
const list = h('ul')
byId('main').append(badge.element, list)
const tell = (text) => list.append(h('li', null, text))
connectLive({
  badge,
  subscriptions: [{ topic: { table: 'item' }, onChange: ({ kind, row }) => tell(kind + ' ' + (row?.v ?? '')) }],
  onRefresh: ({ why }) => tell(why),
})
`

describe.skipIf(skipped.has('chromium'))('a live page', () => {
  const visit = useBrowser()
  const database = useDatabase(versions[0] ?? 18, prepareFeed)
  const feeds: Feed[] = []
  afterAll(async () => await stopFeeds(database(), feeds))

  test('says how it is connected, and hears what changed meanwhile', async () => {
    const { db, url } = database()
    await db.query(sql`create table item (id int primary key, owner int, room text, v text)`)
    const live = createLive({ db, tables: [item], limits: { tickMs: 5 } })
    onTestFinished(() => live.stop())
    const feed = createFeed({ db, url, tables: [{ schema: 'public', table: 'item' }], source: 'wal', leaseMs: 2_000 })
    feeds.push(feed)
    feed.subscribe(live.listener)
    await feed.start()
    await waitUntil(() => feed.status().handled !== undefined, { what: 'the feed consumes' })
    await live.start()

    const folder = await temporaryFolder()
    await writeFile(join(folder, 'index.html'), html)
    await writeFile(join(folder, 'page.js'), script)
    const port = await freePort()
    const serve = async (): Promise<App> => {
      const app = createApp({ graceMs: 10 })
      onTestFinished(() => app.close())
      await servePages(app, { folder, files: { '/': 'index.html', '/page.js': 'page.js' } })
      await app.register(fastifyLive<TopicSpec>(live, { authorize: () => true, retryMs: 50 }))
      await app.listen({ host: '127.0.0.1', port })
      return app
    }
    const first = await serve()
    const { page } = await visit(`http://127.0.0.1:${port}`, desktop)
    await badgeSays(page, 'Live')
    await db.query(sql`insert into item values (1, 7, 'a', '<b>one</b>')`)
    await page.getByText('insert <b>one</b>').waitFor()

    const before = live.status().position
    await first.close()
    await badgeSays(page, 'Reconnecting')
    await db.query(sql`insert into item values (2, 7, 'a', 'two')`)
    await waitUntil(() => live.status().position !== before, { what: 'it has gone by' })
    await serve()
    await badgeSays(page, 'Live')
    await page.getByText('insert two').waitFor()
    expect(await page.locator('li').allInnerTexts()).toEqual(['connected', 'insert <b>one</b>', 'insert two'])
  })
})

async function badgeSays(page: Page, text: string): Promise<void> {
  await page.locator('.live', { hasText: new RegExp(`^${text}$`) }).waitFor({ timeout: 20_000 })
}
