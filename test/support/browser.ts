// Pages in a real Chromium: opened at a size, light or dark, listened to for errors, photographed.
// Pictures go to the folder that PGSTRATA_SCREENSHOTS names; where it names none, none are taken.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { useChromium } from '../live-client/chromium.ts'

export interface VisitOptions {
  readonly width: number
  readonly height: number
  /** Default: light. */
  readonly dark?: boolean
  /** Default: nothing moves, so that pictures are of what it comes to. */
  readonly moves?: boolean
}

export interface Visit {
  readonly page: Page
  /** What the page complained of: its console's errors and warnings, what it did not catch, what it could not load. */
  readonly errors: readonly string[]
  /** The whole page, as `<name>.png`. */
  readonly screenshot: (name: string) => Promise<void>
  /** What stands out on the right, for which a page would have to be moved sideways. */
  readonly overflowing: () => Promise<readonly string[]>
}

/** The sizes that pages are held to. */
export const phone: VisitOptions = { width: 390, height: 844 }
export const narrowPhone: VisitOptions = { width: 360, height: 740 }
export const desktop: VisitOptions = { width: 1280, height: 800 }

/** For a test file, or a `describe`. Each visit is closed with its test. */
export function useBrowser(): (url: string, options: VisitOptions) => Promise<Visit> {
  const chromium = useChromium()
  const folder = process.env['PGSTRATA_SCREENSHOTS'] ?? ''
  return async (url, { width, height, dark = false, moves = false }) => {
    const context = await chromium().newContext({
      viewport: { width, height },
      deviceScaleFactor: 1,
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: moves ? 'no-preference' : 'reduce',
      timezoneId: 'UTC',
    })
    onTestFinished(() => context.close())
    const page = await context.newPage()
    const errors = listen(page)
    await page.goto(url)
    return {
      page,
      errors,
      screenshot: async (name) => {
        if (folder === '') return
        await mkdir(folder, { recursive: true })
        await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
      },
      overflowing: () => page.evaluate(findOverflowing),
    }
  }
}

function listen(page: Page): string[] {
  const errors: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) errors.push(`${message.type()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => errors.push(`not caught: ${error.message}`))
  page.on('requestfailed', (request) => {
    // A page that is closed gives up what it waits for.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED')
      errors.push(`not loaded: ${new URL(request.url()).pathname}`)
  })
  return errors
}

/** Runs in the page. What scrolls by itself may be wider. */
const findOverflowing = `(() => {
  const width = document.documentElement.clientWidth
  const isHeld = (element) => {
    for (let at = element.parentElement; at !== null; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== 'visible') return true
    return false
  }
  const wide = [...document.querySelectorAll('body *')].filter((element) => {
    const { right, left, width: own } = element.getBoundingClientRect()
    return own > 0 && (right > width + 1 || left < -1) && !isHeld(element)
  })
  const named = wide.map((element) => element.tagName.toLowerCase() + '.' + element.getAttribute('class'))
  return document.documentElement.scrollWidth > width ? ['the page', ...named] : named
})()`
