import type { RequestListener } from 'node:http'
import { beforeEach, expect, test } from 'vitest'
import { createTokenSigner } from '../../src/db/token.ts'
import { causalListener, type CarrierOptions } from '../../src/http/index.ts'
import { fakeStrata, headerName, positionsOf, secret, serve, signedAt, tokenAt } from './support.ts'

const strata = fakeStrata()
const refused: string[] = []
const options: CarrierOptions = {
  secret,
  onRefused: (error, request) => refused.push(`${error.code} ${request.url ?? ''}`),
}
let calls = 0
const listener: RequestListener = (_, response) => {
  calls += 1
  response.end(String(strata.began()?.lsn))
}

beforeEach(() => {
  refused.length = 0
  calls = 0
})

async function ask(headers: Readonly<Record<string, string>>, answer = listener): Promise<Response> {
  const url = await serve(causalListener(strata, options, answer))
  return await fetch(`${url}/a`, { headers })
}

const forged = `${signedAt(9).slice(0, -3)}AAA`

test.each([
  ['forged', forged],
  ['cut short', signedAt(9).slice(0, -1)],
  ['of another secret', createTokenSigner(['a secret that nobody else in here has']).sign(tokenAt(9))],
  ['not signed', '1.7.1.9'],
  ['far too long', 'x'.repeat(8_000)],
])('a token that is %s is dropped, told, and the request goes on', async (_, text) => {
  for (const headers of [{ [headerName]: text }, { cookie: `pgstrata=${text}` }]) {
    refused.length = 0
    const response = await ask(headers)
    expect(await response.text()).toBe('undefined')
    expect(positionsOf(response)).toEqual([undefined, undefined])
    expect(refused).toEqual(['TOKEN_INVALID /a'])
  }
})

test('a token of another cluster is found out by the scope; the listener runs once, without it', async () => {
  const response = await ask({ [headerName]: signedAt(9, '8') }, (request, response) => {
    strata.write(5)
    listener(request, response)
  })
  expect(await response.text()).toBe('undefined')
  expect(refused).toEqual(['TOKEN_FOREIGN /a'])
  expect(calls).toBe(1)
  // Less than the 9 it came with, but that was of another cluster.
  expect(positionsOf(response)).toEqual([5, 5])
})

test('of two tokens the later counts, whichever way it came', async () => {
  for (const [header, cookie] of [
    [5, 6],
    [6, 5],
    [6, 6],
  ] as const) {
    const response = await ask({ [headerName]: signedAt(header), cookie: `pgstrata=${signedAt(cookie)}` })
    expect(await response.text()).toBe('6')
    expect(positionsOf(response)).toEqual([undefined, undefined])
  }
  expect(refused).toEqual([])
})

test('a bad token takes nothing from a good one', async () => {
  const both = await ask({ [headerName]: forged, cookie: `pgstrata=${signedAt(6)}` })
  expect(await both.text()).toBe('6')
  expect(refused).toEqual(['TOKEN_INVALID /a'])
  for (const [header, cookie] of [
    [signedAt(9, '8'), signedAt(6)],
    [signedAt(6), signedAt(9, '8')],
  ] as const) {
    const response = await ask({ [headerName]: header, cookie: `pgstrata=${cookie}` })
    expect(await response.text()).toBe('6')
  }
  // The second was never tried: with a good one, whose cluster the other is of does not matter.
  expect(refused).toEqual(['TOKEN_INVALID /a', 'TOKEN_FOREIGN /a'])
})

test('cookies of our name that come several times: the latest valid one counts', async () => {
  const pairs = ['a=1', `pgstrata=${signedAt(4)}`, `pgstrata="${signedAt(6)}"`, 'pgstrata=', `pgstrata=${forged}`]
  const response = await ask({ cookie: [...pairs, `pgstrata=${signedAt(5)}`, `xpgstrata=${signedAt(9)}`].join('; ') })
  expect(await response.text()).toBe('6')
  expect(refused).toEqual(['TOKEN_INVALID /a'])
})

test('a header with several tokens: the latest counts, and not endlessly many are looked at', async () => {
  const response = await ask({ [headerName]: `${signedAt(4)}, ${signedAt(6)},${signedAt(5)}` })
  expect(await response.text()).toBe('6')
  const many = Array.from({ length: 50 }, (_, n) => `${n}`)
  const bounded = await ask({ [headerName]: many.join(','), cookie: many.map((each) => `pgstrata=c${each}`).join(';') })
  expect(await bounded.text()).toBe('undefined')
  expect(refused).toHaveLength(16)
})
