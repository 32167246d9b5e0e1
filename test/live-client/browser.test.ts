// A page in a real browser, on rows of a real database: what it hears, and that it misses nothing when its server is away.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { createFeed, type Feed } from '../../src/changes/feed/index.ts'
import { liveHandler } from '../../src/http/index.ts'
import { createLive, type Live } from '../../src/live/index.ts'
import type { TopicSpec } from '../../src/live/topic.ts'
import { sql } from '../../src/sql/sql.ts'
import { prepareFeed, stopFeeds } from '../changes/feed/support.ts'
import { item } from '../live/support.ts'
import { useDatabase, versions } from '../support/postgres.ts'
import { skipped } from '../support/versions.ts'
import { waitUntil } from '../support/wait.ts'
import { compileClient, useChromium } from './chromium.ts'

const client = await compileClient()

test('what a browser loads is of one folder, and imports nothing of Node or of npm', () => {
  expect([...client.keys()].toSorted()).toEqual(['live-client/index.js', 'live-client/protocol.js'])
  const imported = [...client.values()].flatMap((text) =>
    [...text.matchAll(/\bfrom\s+['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g)].map(
      ([, named, bare]) => named ?? bare,
    ),
  )
  expect(imported).toEqual(['./protocol.js'])
  expect([...client.values()].join('')).not.toMatch(/\b(process|Buffer|require)\b/)
})

const page = (topic: TopicSpec): string => `<!doctype html><title>live</title><script type="module">
  import { openLive } from '/live-client/index.js'
  const heard = (globalThis.heard = [])
  openLive({
    url: '/live',
    subscriptions: [{ topic: ${JSON.stringify(topic)}, onChange: ({ kind, key, row }) => heard.push([kind, key?.id, row?.v ?? ''].join(' ')) }],
    onRefresh: ({ why }) => heard.push(why),
    onState: (state) => heard.push('(' + state + ')'),
  })
</script>`

describe.skipIf(skipped.has('chromium'))('a page in chromium', () => {
  const chromium = useChromium()
  const database = useDatabase(versions[0] ?? 18, prepareFeed)
  const feeds: Feed[] = []
  let live: Live
  afterAll(async () => {
    await live.stop()
    await stopFeeds(database(), feeds)
  })
  const run = async (text: string): Promise<void> => void (await database().db.query(sql.raw(text)))

  /** Whatever was asked for is noted; who asks as 'nobody' is refused. */
  function createSite(asked: (string | undefined)[]): Server {
    const handle = liveHandler<TopicSpec>(live, {
      authorize: (_, topic) => !('where' in topic),
      retryMs: 50,
    })
    const server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0] ?? ''
      const module = client.get(path.slice(1))
      if (module !== undefined) response.writeHead(200, { 'content-type': 'text/javascript' }).end(module)
      else if (path === '/live') {
        asked.push(request.headers['last-event-id'] as string | undefined)
        handle(request, response)
      } else {
        const topic: TopicSpec = path === '/refused' ? { table: 'item', where: { room: 'a' } } : { table: 'item' }
        response.writeHead(200, { 'content-type': 'text/html' }).end(page(topic))
      }
    })
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return server
  }
  const listen = async (server: Server, port = 0): Promise<number> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const open = async (url: string): Promise<() => Promise<string[]>> => {
    const opened: Page = await chromium().newPage()
    onTestFinished(() => opened.close())
    await opened.goto(url)
    return async () => await opened.evaluate<string[]>('globalThis.heard')
  }

  test('hears rows as they change, and what changed while its server was away', async () => {
    await run('create table item (id int primary key, owner int, room text, v text)')
    live = createLive({ db: database().db, tables: [item], limits: { tickMs: 5 } })
    const { db, url } = database()
    const feed = createFeed({ db, url, tables: [{ schema: 'public', table: 'item' }], source: 'wal', leaseMs: 2_000 })
    feeds.push(feed)
    feed.subscribe(live.listener)
    await feed.start()
    await waitUntil(() => feed.status().handled !== undefined, { what: 'the feed consumes' })
    await live.start()

    const asked: (string | undefined)[] = []
    const first = createSite(asked)
    const port = await listen(first)
    const heard = await open(`http://127.0.0.1:${port}/`)
    await waitUntil(async () => (await heard()).length === 2, { what: 'it is connected' })
    await run(`insert into item values (1, 7, 'a', 'é "quoted"')`)
    await waitUntil(async () => (await heard()).length === 3, { what: 'the first' })

    first.close()
    first.closeAllConnections()
    const before = live.status().position
    await run(`insert into item values (2, 7, 'a', 'x'), (3, 7, 'a', 'y')`)
    await run(`delete from item where id = 1`)
    await waitUntil(() => live.status().position !== before, { what: 'it has gone by' })
    await waitUntil(async () => (await heard()).includes('(waiting)'), { what: 'the page has noticed' })
    await listen(createSite(asked), port)
    await waitUntil(async () => (await heard()).includes('delete 1 '), { what: 'it has caught up' })
    await run(`update item set v = 'z' where id = 3`)
    await waitUntil(async () => (await heard()).includes('update 3 z'), { what: 'it goes on' })

    const said = (await heard()).filter((one) => one !== '(waiting)')
    expect(said).toEqual([
      '(open)',
      'connected',
      'insert 1 é "quoted"',
      '(open)',
      'insert 2 x',
      'insert 3 y',
      'delete 1 ',
      'update 3 z',
    ])
    // A browser may have tried more than once; each time it said where it had been.
    expect(asked[0]).toBeUndefined()
    expect(asked.length).toBeGreaterThan(1)
    for (const id of asked.slice(1)) expect(id).toBe(asked[1])
    expect(asked[1]).toMatch(/^[^:]+:[0-9a-f]+:\d+$/)
  })

  test('that is refused is told so, and does not come back', async () => {
    const asked: (string | undefined)[] = []
    const port = await listen(createSite(asked))
    const heard = await open(`http://127.0.0.1:${port}/refused`)
    await waitUntil(async () => (await heard()).length > 0, { what: 'it is told' })
    expect(await heard()).toEqual(['(closed)'])
    expect(asked).toHaveLength(1)
  })
})
