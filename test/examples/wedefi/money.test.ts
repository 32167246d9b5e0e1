// Amounts as the page writes them, by its own module in a real Chromium: never 1e-7, and nothing that is something as nothing.

import { createApp, servePages, type App } from 'pgstrata-example-kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { desktop, useBrowser } from '../../support/browser.ts'
import { skipped } from '../../support/versions.ts'

const cases: readonly (readonly [call: string, text: string])[] = [
  [`formatPrice('1234.5')`, '$1,234.50'],
  [`formatPrice('12.34567')`, '$12.3457'],
  [`formatPrice('0.0423379')`, '$0.04234'],
  [`formatPrice('0.0000001')`, '$0.0000001000'],
  [`formatPrice('0.000000000001')`, '$0.000000000001'],
  [`formatPrice('0.0000000000005')`, '< $0.000000000001'],
  [`formatPrice('0')`, '$0.00'],
  [`formatChartPrice(12345)`, '$12.3\u00A0k'],
  [`formatChartPrice(892.6204)`, '$892.6'],
  [`formatChartPrice(9999.6)`, '$10000'],
  [`formatChartPrice(5)`, '$5'],
  [`formatChartPrice(0.0423379)`, '$0.04234'],
  [`formatChartPrice(1e-7)`, '$0.0000001'],
  [`formatChartPrice(0)`, '$0'],
  [`formatQuantity('1500.250000000000000000')`, '1.5\u00A0k'],
  [`formatQuantity('12.5')`, '12.5'],
  [`formatQuantity('0.000012')`, '0.000012'],
  [`formatQuantity('0.000000123456789')`, '0.0000001235'],
  [`formatQuantity('0.000000000000000001')`, '0.000000000000000001'],
  [`formatQuantity('0.000000000000000000')`, '0'],
  [`formatShortUsd('1234567')`, '$1.23\u00A0M'],
  [`formatShortUsd('0.00000012')`, '$0.00000012'],
  [`formatUsd('1234567890123.456')`, '$1,234,567,890,123.45'],
  [`formatChange('-12.5')`, '\u2212$12.50'],
  [`formatShare(0.0012)`, '0.12\u00A0%'],
  [`String(shareSince('100', '112.5'))`, '0.125'],
  [`String(shareSince('0', '1'))`, 'undefined'],
  [`String(shareSince(null, '1'))`, 'undefined'],
]

describe.skipIf(skipped.has('chromium'))('amounts', () => {
  const visit = useBrowser()
  let app: App
  let url: string
  beforeAll(async () => {
    app = createApp({ graceMs: 50 })
    await servePages(app, { folder: new URL('../../../examples/wedefi/web/', import.meta.url) })
    url = await app.listen({ host: '127.0.0.1', port: 0 })
  })
  afterAll(() => app.close())

  test('are written as people read them, however small', async () => {
    // Not the document itself, which would ask a service.
    const { page } = await visit(`${url}/page/money.js`, desktop)
    const written = await page.evaluate<readonly string[]>(
      `import('/page/money.js').then(
        ({ formatPrice, formatChartPrice, formatQuantity, formatShortUsd, formatUsd, formatChange, formatShare, shareSince }) =>
          [${cases.map(([call]) => call).join(', ')}],
      )`,
    )
    expect(cases.map(([call], at) => [call, written[at]])).toEqual(cases)
  })
})
