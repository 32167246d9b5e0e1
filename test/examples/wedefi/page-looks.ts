// How the page is looked at: widths and colours, its views and the parts of them that say how they are.

import type { Page } from 'playwright-core'
import { desktop, phone, type VisitOptions } from '../../support/browser.ts'
import { richest } from './page-support.ts'

export const bothWidths: readonly (readonly [name: string, options: VisitOptions])[] = [
  ['phone-light', phone],
  ['desktop-dark', { ...desktop, dark: true }],
]
export const bothColours = ['light', 'dark'] as const

/** Each view: where it is, and its parts. */
export const views: readonly (readonly [name: string, hash: string, parts: readonly string[]])[] = [
  ['wallets', '#/', ['#overview', '#wallets', '#largest']],
  [
    'wallet',
    `#/wallets/${richest}`,
    ['#portfolio', '#allocation', '#holdings', '#pnl', '#risk', '#locks', '#correlations'],
  ],
  ['market', '#/market', ['#tokens', '#correlations']],
  ['token', '#/tokens/t-1', ['#token', '#history', '#risk']],
  ['alerts', '#/alerts', ['#alerts', '#events']],
]

export async function isIn(page: Page, part: string, state: 'full' | 'empty' | 'loading' | 'error'): Promise<void> {
  await page.locator(`${part}[data-state=${state}]`).first().waitFor({ timeout: 20_000 })
}

export async function saysLive(page: Page): Promise<void> {
  await page.locator('.live[data-live=connected]').waitFor({ timeout: 20_000 })
}
