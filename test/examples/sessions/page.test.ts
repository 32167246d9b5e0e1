// The page in a real Chromium, on the real service: every view full, empty, loading and failed, at both widths, light and dark; and what one
// does, another one sees without a reload.

import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { desktop, phone, useBrowser, type Visit, type VisitOptions } from '../../support/browser.ts'
import { skipped } from '../../support/versions.ts'
import { waitUntil } from '../../support/wait.ts'
import { bothColours, bothWidths, isIn, partner, saysLive, showAll, views, withoutRefusals } from './page-looks.ts'
import { demoWallet, fillPage, seeKeptPlace, useLiveService } from './page-support.ts'

describe.skipIf(skipped.has('chromium'))('the page', () => {
  const visit = useBrowser()
  const service = useLiveService()

  const signIn = async (name: string, options: VisitOptions): Promise<Visit> => {
    const visited = await visit(service().url, options)
    await visited.page.getByRole('button', { name: `Sign in as ${name}` }).click()
    await isIn(visited.page, '#current', 'full')
    await saysLive(visited.page)
    return visited
  }
  const go = async (page: Page, view: string): Promise<void> => void (await page.goto(`${service().url}/#/${view}`))

  describe('of a service where nothing happened yet', () => {
    test.each(bothWidths)('%s: every list says that it is empty, and what will come', async (name, options) => {
      const { page, errors, overflowing, screenshot } = await visit(service().url, options)
      await isIn(page, '#wallets', 'full')
      expect(await overflowing()).toEqual([])
      await screenshot(`sessions-${name}-sign-in`)
      await page.getByRole('button', { name: 'Sign in as Ines' }).click()
      for (const [view, texts] of [
        ['', ['Nobody yet', 'No invitations']],
        ['history', ['No sessions yet']],
        ['wallet', ['Nothing is known of it', 'Nobody is blocked']],
        ['moderation', ['Your desk is empty', 'The queue is empty']],
      ] as const) {
        await go(page, view)
        for (const text of texts) await page.getByText(text, { exact: true }).waitFor()
        expect(await overflowing(), view).toEqual([])
        await screenshot(`sessions-${name}-${view === '' ? 'lobby' : view}-empty`)
      }
      expect(withoutRefusals(errors)).toEqual([])
    })
  })

  describe('of a service with a life behind it', () => {
    beforeAll(async () => await fillPage(service()))

    test.each(bothWidths)(
      '%s: every view full in both colours, no complaint, nothing sideways',
      async (name, options) => {
        const { page, errors, overflowing, screenshot } = await signIn('Ines', options)
        for (const [view, parts] of views) {
          await go(page, view)
          for (const part of parts) await isIn(page, part, 'full')
          await saysLive(page)
          for (const colorScheme of bothColours) {
            await page.emulateMedia({ colorScheme })
            expect(await overflowing(), `${view} ${colorScheme}`).toEqual([])
            await screenshot(`sessions-${name.split('-')[0]}-${colorScheme}-${view === '' ? 'lobby' : view}`)
          }
        }
        expect(withoutRefusals(errors)).toEqual([])
      },
    )

    test.each(bothWidths)(
      '%s: loading, and what fails says so and comes back with another try',
      async (name, options) => {
        const { page, overflowing, screenshot } = await signIn('Ines', options)
        await page.route(/\/(?:sessions|users|balances|blocks|moderation|health)\b/, () => undefined)
        for (const [view, parts] of views) {
          await go(page, view)
          for (const part of parts) await isIn(page, part, 'loading')
          expect(await overflowing(), view).toEqual([])
          await screenshot(`sessions-${name}-${view === '' ? 'lobby' : view}-loading`)
        }
        await page.unroute(/\/(?:sessions|users|balances|blocks|moderation|health)\b/)
        await go(page, 'history')
        await isIn(page, '#history', 'full')
        const { strata } = service()
        await strata.pool.query('alter table reports rename to reports_away')
        try {
          await go(page, 'moderation')
          await isIn(page, '#queue', 'error')
          expect(await overflowing()).toEqual([])
          await screenshot(`sessions-${name}-moderation-error`)
        } finally {
          await strata.pool.query('alter table reports_away rename to reports')
        }
        await page.locator('#queue').getByRole('button', { name: 'Try again' }).click()
        await isIn(page, '#queue', 'full')
      },
    )

    test('two browsers are matched with each other, and each sees what the other does', async () => {
      const jiro = await signIn('Jiro', phone)
      const kofi = await signIn('Kofi', desktop)
      await jiro.page.getByRole('button', { name: 'Find somebody' }).click()
      await jiro.page.getByRole('heading', { name: 'Looking for somebody' }).waitFor()
      await jiro.screenshot('sessions-phone-light-waiting')
      // A place that is about to be given up is kept while somebody looks.
      await seeKeptPlace(service(), 'Jiro')
      await kofi.page.getByRole('button', { name: 'Find somebody' }).click()
      await partner(kofi.page, 'Jiro').waitFor()
      // The other one hears of it by the feed alone.
      await partner(jiro.page, 'Kofi').waitFor()
      const clock = jiro.page.locator('.session-clock .clock')
      await waitUntil(async () => (await clock.innerText()) !== '0:00', { what: 'the clock goes on' })
      expect([...(await jiro.overflowing()), ...(await kofi.overflowing())]).toEqual([])
      await jiro.screenshot('sessions-phone-light-session')
      await kofi.screenshot('sessions-desktop-light-session')
      await kofi.page.getByRole('button', { name: 'End the session' }).click()
      await jiro.page.getByText(/by the other one/).waitFor()
      await kofi.page.getByText(/by you/).waitFor()
      await jiro.screenshot('sessions-phone-light-over')
      await go(jiro.page, 'history')
      const { address } = demoWallet('Kofi')
      await jiro.page.locator('#history li').first().locator(`[title="${address}"]`).waitFor()
      expect([...withoutRefusals(jiro.errors), ...withoutRefusals(kofi.errors)]).toEqual([])
    })

    test('an invitation appears on the other page, is accepted there, and a block ends what came of it', async () => {
      const lena = await signIn('Lena', desktop)
      const mara = await signIn('Mara', phone)
      await go(mara.page, 'history')
      await isIn(mara.page, '#history', 'full')
      await lena.page.getByRole('searchbox').fill('Mara D')
      await lena.page.getByRole('button', { name: 'Invite Mara Demo' }).click()
      await lena.page.getByRole('button', { name: /^Withdraw/ }).waitFor()
      await mara.page.getByText(/invites you to a session/).waitFor()
      await mara.screenshot('sessions-phone-light-notice')
      await mara.page.getByRole('link', { name: 'To the lobby' }).click()
      await mara.screenshot('sessions-phone-light-invited')
      await mara.page.getByRole('button', { name: /^Accept/ }).click()
      await partner(lena.page, 'Mara').waitFor()
      await partner(mara.page, 'Lena').waitFor()
      await mara.page.getByRole('button', { name: 'Block', exact: true }).click()
      const dialog = mara.page.getByRole('dialog')
      await mara.page.keyboard.press('Escape')
      await dialog.waitFor({ state: 'detached' })
      await mara.page.getByRole('button', { name: 'Block', exact: true }).click()
      await dialog.getByLabel('Why, for yourself').fill('Sells things')
      await mara.screenshot('sessions-phone-light-block')
      await mara.page.keyboard.press('Enter')
      await dialog.waitFor({ state: 'detached' })
      await lena.page
        .getByText(/^Ended$/)
        .first()
        .waitFor()
      await go(mara.page, 'wallet')
      const blocked = mara.page.locator('#blocks li', { hasText: 'Sells things' })
      await blocked.waitFor()
      await lena.page.getByRole('searchbox').fill('Mara D')
      await lena.page.getByText('Nobody by that name').waitFor()
      await blocked.getByRole('button', { name: /^Lift the block/ }).click()
      await blocked.waitFor({ state: 'detached' })
      expect([...withoutRefusals(lena.errors), ...withoutRefusals(mara.errors)]).toEqual([])
    })

    test('a report reaches the queue of a moderator who looks at it, and what is decided, the wallet', async () => {
      const ines = await signIn('Ines', desktop)
      const nils = await signIn('Nils', phone)
      await go(ines.page, 'moderation')
      await isIn(ines.page, '#queue', 'full')
      const address = demoWallet('Nils').address
      const { rows } = await service().strata.pool.query<{ session_id: string }>(
        `insert into sessions (a_addr, b_addr, status, started_at)
         values ($1, $2, 'active', now() - interval '2 minutes')
         returning session_id`,
        [demoWallet('Kofi').address, address],
      )
      const kofi = await signIn('Kofi', desktop)
      await partner(nils.page, 'Kofi').waitFor()
      await kofi.page.getByRole('button', { name: 'Report', exact: true }).click()
      const dialog = kofi.page.getByRole('dialog')
      await dialog.getByLabel('What it was').selectOption('scam')
      await dialog.getByLabel(/^What happened/).fill('Asked for my seed phrase.')
      await kofi.screenshot('sessions-desktop-light-report')
      await dialog.getByRole('button', { name: 'Send the report' }).click()
      await dialog.waitFor({ state: 'detached' })
      // Those that came before wait longer, and stand before it: it is on the last page.
      await showAll(ines.page)
      const report = ines.page.locator('[data-report]', { hasText: 'Asked for my seed phrase.' })
      await report.getByRole('button', { name: /^Take/ }).click()
      const own = ines.page.locator('#desk [data-report]', { hasText: 'Asked for my seed phrase.' })
      await own.getByLabel('Why').fill('Seen before.')
      await own.getByLabel('If upheld').selectOption('suspend')
      await ines.screenshot('sessions-desktop-light-desk')
      await own.getByRole('button', { name: /^Uphold/ }).click()
      await own.waitFor({ state: 'hidden' })
      const { rows: after } = await service().strata.pool.query(
        'select u.status, s.status as session from users as u, sessions as s where u.address = $1 and s.session_id = $2',
        [address, rows[0]?.session_id],
      )
      expect(after).toEqual([{ status: 'suspended', session: 'ended' }])
      await kofi.page
        .getByText(/^Ended$/)
        .first()
        .waitFor()
      await nils.page.reload()
      await nils.page.getByText('This wallet is suspended: it may not take part').waitFor()
      await nils.screenshot('sessions-phone-light-suspended')
      expect([...withoutRefusals(ines.errors), ...withoutRefusals(kofi.errors)]).toEqual([])
    })

    test('a sign-in that has ended leads to the next one, wherever it is noticed', async () => {
      const { page, errors } = await signIn('Lena', desktop)
      const { address } = demoWallet('Lena')
      const endTokens = async (): Promise<void> => {
        // Nothing is under way that would notice it first.
        await saysLive(page)
        await waitUntil(async () => (await page.locator('[aria-busy=true]').count()) === 0, { what: 'all is read' })
        await service().strata.pool.query('update users set token_epoch = token_epoch + 1 where address = $1', [
          address,
        ])
        await waitUntil(async () => (await page.evaluate(`fetch('/auth/session').then((r) => r.status)`)) === 401, {
          what: 'the tokens count no longer',
        })
      }
      const ended = page.getByText('Your sign-in has ended')
      const signInAgain = async (): Promise<void> => {
        await page.getByRole('heading', { name: 'Two wallets meet' }).waitFor()
        await page.getByRole('button', { name: 'Sign in as Lena' }).click()
        await page.getByRole('button', { name: 'Sign out' }).waitFor()
      }
      const report = page
        .locator('#history')
        .getByRole('button', { name: /^Report/ })
        .first()

      // By what a view reads.
      await endTokens()
      await go(page, 'history')
      await ended.waitFor()
      await signInAgain()
      await isIn(page, '#history', 'full')
      expect(await ended.count()).toBe(0)
      // By what a dialog sends, which does not stay either.
      await report.click()
      await endTokens()
      await page.getByRole('button', { name: 'Send the report' }).click()
      await ended.waitFor()
      expect(await page.getByRole('dialog').count()).toBe(0)
      await signInAgain()
      // A dialog goes with the view that asked.
      await isIn(page, '#history', 'full')
      await report.click()
      await page.getByRole('dialog').waitFor()
      await go(page, '')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      // By a button.
      await isIn(page, '#current', 'full')
      await endTokens()
      await page.getByRole('button', { name: /^Find somebody/ }).click()
      await ended.waitFor()
      await signInAgain()
      // Who leaves then has left.
      await isIn(page, '#current', 'full')
      await endTokens()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByRole('heading', { name: 'Two wallets meet' }).waitFor()
      expect(await ended.count()).toBe(0)
      expect(withoutRefusals(errors)).toEqual([])
    })

    test('history goes back page by page, and a name is changed by keyboard', async () => {
      const { page, errors } = await signIn('Jiro', desktop)
      await go(page, 'history')
      await isIn(page, '#history', 'full')
      const rows = page.locator('#history li')
      const before = await rows.count()
      await page.getByRole('button', { name: 'Show older sessions' }).focus()
      await page.keyboard.press('Enter')
      await waitUntil(async () => (await rows.count()) > before, { what: 'older sessions' })
      // Each of them took another time.
      const texts = await rows.allInnerTexts()
      expect(new Set(texts).size).toBe(texts.length)
      await go(page, 'wallet')
      await page.getByLabel('Name').fill('Jiro the Second')
      await page.keyboard.press('Enter')
      await waitUntil(
        async () => {
          const { rows: found } = await service().strata.pool.query('select from users where display_name = $1', [
            'Jiro the Second',
          ])
          return found.length === 1
        },
        { what: 'the name is stored' },
      )
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByRole('heading', { name: 'Two wallets meet' }).waitFor()
      await page.reload()
      await page.getByRole('heading', { name: 'Two wallets meet' }).waitFor()
      expect(withoutRefusals(errors)).toEqual([])
    })
  })
})
