// How the page is looked at: widths and colours, its views and the parts of them that say how they are.

import type { Page } from 'playwright-core'
import { desktop, phone, type VisitOptions } from '../../support/browser.ts'
import { waitUntil } from '../../support/wait.ts'

export const bothWidths: readonly (readonly [name: string, options: VisitOptions])[] = [
  ['phone-light', phone],
  ['desktop-dark', { ...desktop, dark: true }],
]
export const bothColours = ['light', 'dark'] as const

/** Each view: its hash, the parts of it that say how they are, and how they are in a wallet's life. */
export const views: readonly (readonly [name: string, parts: readonly string[]])[] = [
  ['', ['#current']],
  ['history', ['#history']],
  ['wallet', ['#profile', '#balances']],
  ['moderation', ['#statistics', '#queue']],
  ['operations', ['#operations']],
]

/** Chromium tells of every 4xx; that nobody has signed in, and that a block hides somebody, is asked on purpose. */
export function withoutRefusals(errors: readonly string[]): readonly string[] {
  return errors.filter((error) => !/status of (401|404)/.test(error))
}

export function partner(page: Page, name: string): ReturnType<Page['locator']> {
  return page.locator('#current [data-partner]', { hasText: name })
}

export async function showAll(page: Page): Promise<void> {
  const more = page.getByRole('button', { name: 'Show more reports' })
  const rows = page.locator('#queue li')
  while (await more.isVisible()) {
    const before = await rows.count()
    await more.click()
    await waitUntil(async () => (await rows.count()) !== before || !(await more.isVisible()), { what: 'more reports' })
  }
}

export async function isIn(page: Page, part: string, state: 'full' | 'empty' | 'loading' | 'error'): Promise<void> {
  await page.locator(`${part}[data-state=${state}]`).first().waitFor({ timeout: 20_000 })
}

export async function saysLive(page: Page): Promise<void> {
  await page.locator('.live[data-live=connected]').waitFor({ timeout: 20_000 })
}
