// The page in a real Chromium, on the real service: every view full, empty, loading and failed, at both widths, light and dark; and what
// happens in the database appears without a reload.

import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { desktop, phone, useBrowser, type Visit, type VisitOptions } from '../../support/browser.ts'
import { skipped } from '../../support/versions.ts'
import { waitUntil } from '../../support/wait.ts'
import { ask } from './service-support.ts'
import { fillPage, nodeId, say, usePageService, type People } from './page-support.ts'

const looks: readonly (readonly [name: string, options: VisitOptions])[] = [
  ['phone-light', phone],
  ['desktop-dark', { ...desktop, dark: true }],
  ['phone-dark', { ...phone, dark: true }],
  ['desktop-light', desktop],
]
const bothWidths = looks.slice(0, 2)

/** Each view: where it is, and the parts of it that say how they are. */
const views: readonly (readonly [name: string, hash: string, parts: readonly string[]])[] = [
  ['map', '#/', ['#earnings', '.map-place']],
  ['streams', '#/streams', ['#streams']],
  ['stream', '#/streams/night-radio', ['#stream-head', '#stream-chart', '#stream-nodes', '#comments']],
  ['payouts', '#/payouts', ['#preview', '#runs']],
  ['fraud', '#/fraud', ['#findings']],
  ['node', `#/nodes/${nodeId(0)}`, ['#node-card .state']],
]

describe.skipIf(skipped.has('chromium'))('the page', () => {
  const visit = useBrowser()
  const service = usePageService()
  const open = (hash: string, options: VisitOptions): Promise<Visit> => visit(`${service().url}/${hash}`, options)

  describe('of a service where nothing happened yet', () => {
    test.each(bothWidths)('%s: every list says that it is empty, and what will come', async (name, options) => {
      const { page, errors, overflowing, screenshot } = await open('#/', options)
      await page.getByText('Nobody is signed in').waitFor()
      await screenshot(`streamr-${name}-nobody`)
      for (const [view, text] of [
        ['streams', 'No streams yet'],
        ['payouts', 'Nothing to pay'],
        ['fraud', 'Nothing was found'],
      ]) {
        await page.goto(`${service().url}/#/${view}`)
        await page.getByText(text ?? '').waitFor()
        expect(await overflowing()).toEqual([])
        await screenshot(`streamr-${name}-${view}-empty`)
      }
      expect(errors).toEqual([])
    })
  })

  describe('of a service with a life behind it', () => {
    let people: People
    beforeAll(async () => {
      people = await fillPage(service())
    })

    test.each(looks)('%s: every view full, no complaint, no scrolling sideways', async (name, options) => {
      const { page, errors, overflowing, screenshot } = await open('#/', options)
      for (const [view, hash, parts] of views) {
        await page.goto(`${service().url}/${hash}`)
        for (const part of parts) await isIn(page, part, 'full')
        await saysLive(page)
        expect(await overflowing(), view).toEqual([])
        await screenshot(`streamr-${name}-${view}`)
      }
      expect(errors).toEqual([])
    })

    test.each(bothWidths)('%s: without friends, without their nodes', async (name, options) => {
      const { page, errors, overflowing, screenshot } = await open('#/', options)
      await isIn(page, '#earnings', 'full')
      for (const [person, text] of [
        [people.dana, 'No friends yet'],
        [people.chidi, 'No nodes yet'],
      ] as const) {
        await page.evaluate(`localStorage.setItem('streamr-person', '${person}')`)
        await page.reload()
        await page.getByText(text).waitFor()
        expect(await overflowing()).toEqual([])
        await screenshot(`streamr-${name}-map-${person === people.dana ? 'no-friends' : 'no-nodes'}`)
      }
      await page.goto(`${service().url}/#/streams/garden-5`)
      for (const part of ['#stream-chart', '#stream-nodes', '#comments']) await isIn(page, part, 'empty')
      expect(await overflowing()).toEqual([])
      await screenshot(`streamr-${name}-stream-empty`)
      expect(errors).toEqual([])
    })

    test.each(bothWidths)('%s: loading', async (name, options) => {
      const { page, overflowing, screenshot } = await open('#/fraud', options)
      await isIn(page, '#findings', 'full')
      // Held for as long as the test lasts.
      await page.route(/\/(?:friends|streams|payouts|earnings|comments|nodes|ledger)(?:\/|\?|$)/, () => undefined)
      for (const [view, hash, parts] of views.filter(([view]) => view !== 'fraud')) {
        await page.goto(`${service().url}/${hash}`)
        for (const part of parts) await isIn(page, part, 'loading')
        expect(await overflowing()).toEqual([])
        await screenshot(`streamr-${name}-${view}-loading`)
      }
    })

    test.each(bothWidths)('%s: what fails says so, and comes back with another try', async (name, options) => {
      const { db } = service().strata
      const { page, overflowing, screenshot } = await open('#/fraud', options)
      await isIn(page, '#findings', 'full')
      await db.query(sql`alter table comments rename to comments_away`)
      await db.query(sql`alter table nodes rename to nodes_away`)
      try {
        for (const [view, hash, part] of [
          ['stream', '#/streams/night-radio', '#comments'],
          ['map', '#/', '.map-place'],
        ] as const) {
          await page.goto(`${service().url}/${hash}`)
          await isIn(page, part, 'error')
          expect(await overflowing()).toEqual([])
          await screenshot(`streamr-${name}-${view}-error`)
        }
      } finally {
        await db.query(sql`alter table nodes_away rename to nodes`)
        await db.query(sql`alter table comments_away rename to comments`)
      }
      await page.locator('.map-place').getByRole('button', { name: 'Try again' }).click()
      await isIn(page, '.map-place', 'full')
    })

    test('a node is chosen on the map by keyboard, and its card follows what is measured', async () => {
      const { page, errors, screenshot } = await open('#/', desktop)
      const osaka = page.getByRole('button', { name: /node-010, Active$/ })
      await osaka.focus()
      await page.keyboard.press('Enter')
      const card = page.locator('#node-card')
      await card.getByRole('heading').waitFor()
      await saysLive(page)
      const before = await pollsOf(page)
      expect(before).toBeGreaterThan(0)
      await screenshot('streamr-desktop-light-map-card')
      await service()
        .db.insertInto('probe_results')
        .values({
          stream_id: 'night-radio',
          node_id: nodeId(10),
          probe_type: 'stats_poll',
          success: true,
          response_data: null,
          error_message: null,
        })
        .execute()
      await waitUntil(async () => (await pollsOf(page)) === before + 1, { what: 'the poll on the card' })

      await service().db.updateTable('nodes').set({ status: 'OFFLINE' }).where('node_id', '=', nodeId(10)).execute()
      await page.getByRole('button', { name: /node-010, Offline$/ }).waitFor()
      await card.getByText('Offline').waitFor()
      await service()
        .db.updateTable('nodes')
        .set({ status: 'ACTIVE', last_heartbeat: new Date() })
        .where('node_id', '=', nodeId(10))
        .execute()
      await card.getByText('just now').waitFor()
      await page.getByRole('button', { name: 'All nodes', exact: true }).click()
      await page.getByRole('button', { name: /Emeka Berg.*node-001/ }).waitFor()
      expect(errors).toEqual([])
    })

    test('nodes that are close together are one mark, and come apart closer up; those of one place are a list', async () => {
      const { page, screenshot } = await open('#/', phone)
      const marks = page.locator('.map-mark')
      await marks.first().waitFor()
      await page.getByRole('button', { name: 'Show the whole world' }).click()
      const far = await marks.count()
      const europe = page.getByRole('button', { name: /^[2-9] nodes: .*active/ }).first()
      await europe.click()
      await waitUntil(async () => (await marks.count()) >= far && (await page.locator('.map-closer').count()) === 1, {
        what: 'it is closer',
      })
      await page.getByRole('button', { name: 'Show all nodes of friends' }).click()
      // Berlin has three, however close one looks.
      const berlin = page.getByRole('button', { name: '3 nodes: 2 active, 1 offline' })
      for (let step = 0; step < 12 && (await berlin.count()) === 0; step++)
        await page
          .locator('.map-mark', { hasText: /^\D*[2-9]/ })
          .first()
          .press('Enter')
      await berlin.press('Enter')
      await page.getByRole('heading', { name: '3 in one place' }).waitFor()
      expect(await page.getByRole('list', { name: 'Nodes' }).getByRole('listitem').count()).toBe(3)
      await screenshot('streamr-phone-light-map-place')
    })

    test('the counter counts up by itself, and takes over what a payout paid', async () => {
      const { page, errors } = await open('#/', desktop)
      await isIn(page, '#earnings', 'full')
      await saysLive(page)
      const first = await earned(page)
      expect(first).toBeGreaterThan(0)
      await waitUntil(async () => (await earned(page)) > first, { what: 'it counts' })
      const paid = await ask(service(), '/payouts?hours_back=12', { as: people.ada, method: 'POST' })
      expect([paid.status, paid.body['is_new']]).toEqual([201, true])
      // Twelve hours of several hundred tokens each, most of them to friends.
      await waitUntil(async () => (await earned(page)) > first + 1_000, { what: 'the payout is counted' })
      expect(errors).toEqual([])
    })

    test('a comment of somebody else appears, one is posted, older ones follow, and one is hidden for all', async () => {
      const { page, errors, screenshot } = await open('#/streams/night-radio', phone)
      await isIn(page, '#comments', 'full')
      await saysLive(page)
      const comments = page.locator('#comments li')
      expect(await comments.count()).toBe(10)
      await page.getByRole('button', { name: 'Show older comments' }).click()
      await waitUntil(async () => (await comments.count()) === 20, { what: 'older ones' })
      await say(service().db, people.bela, '<b>Hello</b> from Bela')
      await page.getByText('<b>Hello</b> from Bela').waitFor()
      expect(await comments.count()).toBe(21)

      await page.getByLabel('Your comment').fill('Hello from Ada')
      await page.getByRole('button', { name: 'Post' }).click()
      await page.locator('#comments li', { hasText: 'Hello from Ada' }).waitFor()
      expect(await page.getByLabel('Your comment').inputValue()).toBe('')
      await page.getByRole('button', { name: 'Post' }).click()
      await page.getByText('Write something first.').waitFor()

      const other = await open('#/streams/night-radio', desktop)
      await saysLive(other.page)
      await other.page.getByText('Hello from Ada').waitFor()
      await page.locator('#comments li', { hasText: 'from Bela' }).getByRole('button', { name: /^Hide/ }).click()
      await other.page.getByText('from Bela').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'Hidden' }).click()
      await page.locator('#comments li', { hasText: 'from Bela' }).getByRole('button', { name: /^Show/ }).click()
      await other.page.getByText('from Bela').waitFor()
      await screenshot('streamr-phone-light-comments')
      expect([...errors, ...other.errors]).toEqual([])
    })

    test('who is no moderator has nothing to hide comments with', async () => {
      const { page } = await open('#/', desktop)
      await page.getByLabel('Who you are').selectOption(people.bela)
      await page.goto(`${service().url}/#/streams/night-radio`)
      await isIn(page, '#comments', 'full')
      await isIn(page, '#stream-head', 'full')
      expect(await page.getByRole('button', { name: /^Hide/ }).count()).toBe(0)
      await page.reload()
      expect(await page.getByLabel('Who you are').inputValue()).toBe(people.bela)
    })

    test('streams by nodes, and their viewers as they change', async () => {
      const { page, errors } = await open('#/streams', desktop)
      await isIn(page, '#streams', 'full')
      await saysLive(page)
      await page.getByRole('button', { name: 'By nodes' }).click()
      const rows = page.locator('#streams li')
      await waitUntil(async () => (await rows.nth(1).innerText()).includes('lake-concert'), { what: 'the order' })
      await service()
        .db.updateTable('streams')
        .set({ viewers: 98_765 })
        .where('stream_id', '=', 'lake-concert')
        .execute()
      await rows.nth(1).getByText('98.8').waitFor()
      expect(await page.locator('#streams .spark').count()).toBeGreaterThan(0)
      expect(errors).toEqual([])
    })

    test('three ways agree, and say how long each took', async () => {
      const { page, errors, overflowing, screenshot } = await open('#/payouts', phone)
      await page.getByRole('button', { name: 'Compute all three' }).click()
      await page.getByText('All agree').waitFor()
      expect(await page.locator('.way-took').allInnerTexts()).toEqual(
        [1, 2, 3].map(() => expect.stringMatching(/^[\d.]+\s(ms|s)$/)),
      )
      expect(await overflowing()).toEqual([])
      await screenshot('streamr-phone-light-three-ways')
      expect(errors).toEqual([])
    })

    test('a finding appears, and a review of its node ends it', async () => {
      const { page, errors } = await open('#/fraud', desktop)
      await isIn(page, '#findings', 'full')
      await saysLive(page)
      await service()
        .db.insertInto('fraud_findings')
        .values({ node_id: nodeId(3), stream_id: 'night-radio', rule: 'impossible', evidence: '{}' })
        .execute()
      const row = page.locator('#findings li', { hasText: 'Impossible' })
      await row.waitFor()
      await row.getByRole('button', { name: 'Reviewed' }).click()
      await row.waitFor({ state: 'detached' })
      expect(errors).toEqual([])
    })
  })
})

async function isIn(page: Page, part: string, state: 'full' | 'empty' | 'loading' | 'error'): Promise<void> {
  await page.locator(`${part}[data-state=${state}]`).first().waitFor({ timeout: 20_000 })
}

async function saysLive(page: Page): Promise<void> {
  await page.locator('.live[data-live=connected]').waitFor({ timeout: 20_000 })
}

/** Of the card: '127 of 144 polls answered' */
async function pollsOf(page: Page): Promise<number> {
  return Number.parseInt(await page.locator('#node-card [data-polls]').innerText(), 10)
}

async function earned(page: Page): Promise<number> {
  return Number((await page.locator('[data-counter]').innerText()).replaceAll(/[^\d.]/g, ''))
}
