// The page in a real Chromium, on the real service: every view full, empty, loading and failed, at both widths, light and dark; and what
// happens in the database appears without a reload.

import { beforeAll, describe, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { desktop, phone, useBrowser, type Visit, type VisitOptions } from '../../support/browser.ts'
import { skipped } from '../../support/versions.ts'
import { waitUntil } from '../../support/wait.ts'
import { ask } from '../support/ask.ts'
import { bothColours, bothWidths, isIn, saysLive, views } from './page-looks.ts'
import { emptyWallet, fillPage, operator, richest, setPrice, usePageService, wallets, write } from './page-support.ts'

describe.skipIf(skipped.has('chromium'))('the page', () => {
  const visit = useBrowser()
  const service = usePageService()
  const open = (hash: string, options: VisitOptions): Promise<Visit> => visit(`${service().url}/${hash}`, options)

  describe('of a service where there is nothing yet', () => {
    test.each(bothWidths)('%s: every list says that it is empty, and what will come', async (name, options) => {
      const { page, errors, overflowing, screenshot } = await open('#/', options)
      for (const [view, hash, parts] of [
        ['wallets', '#/', ['#wallets', '#largest']],
        ['wallet', '#/wallets/nobody', ['#portfolio', '#holdings', '#pnl', '#risk', '#locks', '#correlations']],
        ['market', '#/market', ['#tokens', '#correlations']],
        ['token', '#/tokens/none', ['#token']],
        ['alerts', '#/alerts', ['#alerts', '#events']],
      ] as const) {
        await page.goto(`${service().url}/${hash}`)
        for (const part of parts) await isIn(page, part, 'empty')
        expect(await overflowing(), view).toEqual([])
        await screenshot(`wedefi-${name}-${view}-empty`)
      }
      await isIn(page, '#alerts', 'empty')
      // A wallet and a token that there are not: the browser itself tells of the answer.
      expect(errors.filter((error) => !error.includes('404'))).toEqual([])
    })
  })

  describe('of a service with wallets, prices and a past', () => {
    beforeAll(async () => {
      await fillPage(service())
      for (const alert of [
        { kind: 'price', metric: 'priceUsd', direction: 'above', threshold: '1000000', tokenId: 't-0' },
        { kind: 'portfolio', metric: 'totalUsd', direction: 'below', threshold: '100', walletId: richest },
        { kind: 'risk', metric: 'var95:30d', direction: 'above', threshold: '0.9', tokenId: 't-1' },
        { kind: 'price', metric: 'priceUsd', direction: 'above', threshold: '1', tokenId: 't-1' },
      ]) {
        const { status } = await write(service(), '/alerts', { body: { ...alert, rearm: alert.threshold } })
        expect(status).toBe(201)
      }
      const fired = async (): Promise<boolean> =>
        ((await ask(service(), '/alerts/events')).body['events'] as readonly unknown[]).length > 0
      await waitUntil(fired, { what: 'the last alert fires, for its price is there', timeoutMs: 20_000 })
    })

    test.each(bothWidths)(
      '%s: every view full in both colours, no complaint, nothing sideways',
      async (name, options) => {
        const { page, errors, overflowing, screenshot } = await open('#/', options)
        for (const [view, hash, parts] of views) {
          await page.goto(`${service().url}/${hash}`)
          for (const part of parts) await isIn(page, part, 'full')
          await saysLive(page)
          for (const colorScheme of bothColours) {
            await page.emulateMedia({ colorScheme })
            expect(await overflowing(), `${view} ${colorScheme}`).toEqual([])
            await screenshot(`wedefi-${name.split('-')[0]}-${colorScheme}-${view}`)
          }
        }
        expect(errors).toEqual([])
      },
    )

    test.each(bothWidths)('%s: loading', async (name, options) => {
      const { page, overflowing, screenshot } = await open('#/alerts', options)
      await isIn(page, '#alerts', 'full')
      // Held for as long as the test lasts.
      await page.route(/\/(?:overview|portfolios|governance|risk|tokens|prices)(?:\/|\?|$)/, () => undefined)
      for (const [view, hash, parts] of views.filter(([view]) => view !== 'alerts')) {
        await page.goto(`${service().url}/${hash}`)
        // What it compares is known by the portfolio, or the list.
        for (const part of parts.filter((part) => part !== '#correlations')) await isIn(page, part, 'loading')
        expect(await overflowing()).toEqual([])
        await screenshot(`wedefi-${name}-${view}-loading`)
      }
    })

    test.each(bothWidths)('%s: what fails says so, and comes back with another try', async (name, options) => {
      const { strata } = service()
      const { page, overflowing, screenshot } = await open('#/', options)
      await isIn(page, '#wallets', 'full')
      await strata.query(sql`alter table "GovernanceLock" rename to "GovernanceLockAway"`)
      await strata.query(sql`alter table "AlertEvent" rename to "AlertEventAway"`)
      try {
        for (const [view, hash, part] of [
          ['alerts', '#/alerts', '#events'],
          ['wallet', `#/wallets/w-${name === 'phone-light' ? 3 : 6}`, '#locks'],
        ] as const) {
          await page.goto(`${service().url}/${hash}`)
          await isIn(page, part, 'error')
          expect(await overflowing()).toEqual([])
          await screenshot(`wedefi-${name}-${view}-error`)
        }
      } finally {
        await strata.query(sql`alter table "GovernanceLockAway" rename to "GovernanceLock"`)
        await strata.query(sql`alter table "AlertEventAway" rename to "AlertEvent"`)
      }
      await page.locator('#locks').getByRole('button', { name: 'Try again' }).click()
      await isIn(page, '#locks', 'empty')
    })

    test('prices move as they come, on the list and on the page of their token', async () => {
      const { page, errors } = await open('#/market', desktop)
      await isIn(page, '#tokens', 'full')
      await saysLive(page)
      const other = await open('#/tokens/t-4', phone)
      await isIn(other.page, '#token', 'full')
      await saysLive(other.page)
      for (const [price, shown] of [
        ['1234.5', '$1,234.50'],
        ['0.00123456', '$0.001235'],
      ] as const) {
        await setPrice(service(), 't-4', price)
        await page.locator('[data-token=t-4]', { hasText: shown }).waitFor()
        await other.page.locator('#token .tile-value', { hasText: shown }).waitFor()
      }
      expect([...errors, ...other.errors]).toEqual([])
    })

    test('a balance that is synchronised moves the portfolio, its allocation and the list of wallets', async () => {
      const wallet = 'w-5'
      const { page, errors } = await open(`#/wallets/${wallet}`, phone)
      await isIn(page, '#holdings', 'full')
      await saysLive(page)
      const list = await open('#/', desktop)
      await isIn(list.page, '#largest', 'full')
      await saysLive(list.page)
      const body = { walletId: wallet, tokenId: 't-0', quantity: '400', usdValue: '1000000.25' }
      expect((await write(service(), '/balances', { method: 'PUT', body })).status).toBe(200)
      await page.locator('#portfolio .tile-value', { hasText: '$1,0' }).waitFor()
      await page.locator('#holdings [data-token=t-0]', { hasText: '$1,000,000.25' }).waitFor()
      await page.locator('#allocation .shares-list', { hasText: 'T0' }).waitFor()
      // It has become the largest.
      await waitUntil(
        async () =>
          (await list.page.locator('#largest .bar-name').first().innerText()) ===
          (await page.locator('h1').innerText()),
        { what: 'the largest portfolio', timeoutMs: 20_000 },
      )
      expect([...errors, ...list.errors]).toEqual([])
    })

    test('ranges of profit and loss, and timeframes of risk, are chosen by keyboard', async () => {
      const { page, errors } = await open(`#/wallets/${richest}`, desktop)
      await isIn(page, '#pnl', 'full')
      const ranges = page.getByRole('group', { name: 'Range of profit and loss' })
      const told = new Set<string>()
      for (const range of ['24h', '30d', '1y', '7d']) {
        await ranges.getByRole('button', { name: range }).focus()
        const answered = page.waitForResponse(/\/pnl\?/)
        await page.keyboard.press('Enter')
        expect((await answered).status()).toBe(200)
        await waitUntil(async () => (await page.getAttribute('#pnl', 'aria-busy')) === 'false', { what: 'it is shown' })
        told.add(await page.locator('#pnl-change').innerText())
        expect(await page.getAttribute('#pnl [role=img]', 'aria-label')).toMatch(/^Value of the portfolio: \d+ points/)
      }
      expect(told.size).toBeGreaterThan(2)
      for (const change of told) expect(change).toMatch(/^[+−]\$[\d,]+\.\d\d\s+[+−]?\d/)
      await page.getByRole('group', { name: 'Timeframe of risk' }).getByRole('button', { name: '7d' }).click()
      await page.getByText('168 returns, one an hour').waitFor()
      expect(errors).toEqual([])
    })

    test('the matrix says in numbers what its colours say, the same both ways', async () => {
      const { page, errors } = await open('#/market', phone)
      await isIn(page, '#correlations', 'full')
      const cells = await page
        .locator('.matrix tbody tr')
        .evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)))
      expect(cells).toHaveLength(12)
      for (const [at, row] of cells.entries()) {
        expect(row[at]).toBe('1')
        for (const [to, text] of row.entries()) {
          expect(text).toMatch(/^(−?0\.\d\d|−?1\.00|1)$/)
          expect(text).toBe(cells[to]?.[at])
        }
      }
      expect(await page.locator('.matrix-against').count()).toBeGreaterThan(0)
      expect(await page.locator('.matrix-with').count()).toBeGreaterThan(0)
      for (const text of await page.locator('.matrix-against').allInnerTexts()) expect(text).toMatch(/^−|^0\.00$/)
      // It scrolls by itself, and by keys.
      const region = page.getByRole('region', { name: 'Matrix of correlations' })
      await region.focus()
      await page.keyboard.press('ArrowRight')
      await waitUntil(async () => (await region.evaluate((one) => one.scrollLeft)) > 0, { what: 'it is scrolled' })
      expect(errors).toEqual([])
    })

    test('an alert is added by keys, fires before the eyes of who looks elsewhere, is paused, armed and deleted', async () => {
      const { page, errors, overflowing, screenshot } = await open('#/alerts?tokenId=t-6', phone)
      await page.getByLabel('Threshold').waitFor()
      expect(await page.getByLabel('Token', { exact: true }).inputValue()).toBe('t-6')
      await page.getByRole('button', { name: 'Add the alert' }).click()
      await page.getByText('Expected a number').waitFor()
      await page.getByLabel('Threshold').focus()
      await page.keyboard.type('5,000')
      await page.keyboard.press('Enter')
      const row = page.locator('#alerts li', { hasText: 'price above $5,000.00' })
      await row.getByText('Armed').waitFor()
      await saysLive(page)

      const elsewhere = await open('#/market', desktop)
      await isIn(elsewhere.page, '#tokens', 'full')
      await saysLive(elsewhere.page)
      await setPrice(service(), 't-6', '5000.5')
      await elsewhere.page.locator('.toast', { hasText: 'T6: price above $5,000.00' }).waitFor({ timeout: 20_000 })
      await elsewhere.screenshot('wedefi-desktop-light-market-toast')
      await row.getByText('Fired', { exact: true }).waitFor()
      await page.locator('#events li', { hasText: 'T6: price above $5,000.00' }).getByText('$5,000.50').waitFor()
      expect(await overflowing()).toEqual([])
      await screenshot('wedefi-phone-light-alerts-fired')

      await row.getByRole('button', { name: /^Pause/ }).click()
      await row.getByText('Paused').waitFor()
      await row.getByRole('button', { name: /^Resume/ }).click()
      await row
        .getByText('Armed')
        .or(row.getByText('Fired', { exact: true }))
        .waitFor()
      await row.getByRole('button', { name: /^Delete/ }).click()
      await row.waitFor({ state: 'detached' })
      expect([...errors, ...elsewhere.errors]).toEqual([])
    })

    test('shares are typed in per cent, and are the same alert for the service', async () => {
      const { page } = await open(`#/alerts?walletId=${richest}`, desktop)
      await page.getByLabel('Watched').selectOption('change24h')
      await page.getByLabel('Fires').selectOption('below')
      await page.getByLabel('Threshold').fill('-12.5')
      await page.getByLabel('Armed again at').fill('-5')
      await page.getByRole('button', { name: 'Add the alert' }).click()
      await page.locator('#alerts li', { hasText: 'change in 24 h below −12.5' }).waitFor()
      const { alerts } = (await ask(service(), `/alerts?walletId=${richest}&limit=1`)).body
      expect(alerts).toMatchObject([{ kind: 'portfolio', metric: 'change24h', threshold: '-0.125', rearm: '-0.05' }])
      await page.goto(`${service().url}/#/alerts?${new URLSearchParams({ walletId: '50%25+1' })}`)
      await waitUntil(async () => (await page.inputValue('#alert-wallet')) === '50%25+1', { what: 'the id as it is' })
    })

    test('without a token there is nothing to change alerts with; with one there is', async () => {
      const { page } = await open('#/', desktop)
      await page.route('**/demo/operator', (route) => route.fulfill({ status: 404, body: '{}' }))
      await page.goto(`${service().url}/#/alerts`)
      await isIn(page, '#alerts', 'full')
      await page.getByLabel('Token of an operator').fill('a wrong one, of some length')
      await page.getByRole('button', { name: 'Go on' }).click()
      const pause = page.locator('#alerts').getByRole('button', { name: /^Pause/ })
      await pause.first().click()
      await page.getByText('This is for operators').waitFor()
      await page.getByLabel('Token of an operator').waitFor()
      await waitUntil(async () => (await pause.count()) === 0, { what: 'buttons are gone' })
      // What is new as well.
      await page.getByLabel('Token of an operator').fill('another wrong one, of some length')
      await page.getByRole('button', { name: 'Go on' }).click()
      await page.getByLabel('Threshold').fill('7')
      await page.getByRole('button', { name: 'Add the alert' }).click()
      await page.getByLabel('Token of an operator').waitFor()
      await page.getByLabel('Token of an operator').fill(operator)
      await page.getByRole('button', { name: 'Go on' }).click()
      await pause.first().waitFor()
    })

    test('wallets by value: those below are not listed, the number follows', async () => {
      const { page, errors } = await open('#/', phone)
      await isIn(page, '#wallets', 'full')
      expect(await page.innerText('#wallets-count')).toBe(`${wallets} wallets`)
      expect(await page.locator('#wallets li').count()).toBe(12)
      await page.getByRole('button', { name: 'Show more wallets' }).click()
      await waitUntil(async () => (await page.locator('#wallets li').count()) === 24, { what: 'the next page' })
      await page.getByRole('button', { name: '$10 k' }).click()
      const listed = async (): Promise<number> => await page.locator('#wallets li').count()
      await waitUntil(async () => (await listed()) < 12, { what: 'only those' })
      const count = await page.innerText('#wallets-count')
      expect(count).toBe(`${await listed()} wallets`)
      await page.locator('#wallets .row-name').first().focus()
      await page.keyboard.press('Enter')
      await isIn(page, '#portfolio', 'full')
      expect(errors).toEqual([])
    })

    test('a wallet without anything says so, in each of its parts', async () => {
      const { page, errors, overflowing, screenshot } = await open(`#/wallets/${emptyWallet}`, phone)
      await isIn(page, '#portfolio', 'full')
      for (const part of ['#allocation', '#holdings', '#pnl', '#risk', '#locks', '#correlations'])
        await isIn(page, part, 'empty')
      expect(await overflowing()).toEqual([])
      await screenshot('wedefi-phone-light-wallet-nothing')
      expect(errors).toEqual([])
    })
  })
})
