import type { RequestListener } from 'node:http'
import { describe, expect, test } from 'vitest'
import { causalListener, type CarrierOptions } from '../../src/http/index.ts'
import {
  createBrowser,
  fakeStrata,
  headerName,
  positionsOf,
  readPosition,
  secret,
  serve,
  signedAt,
  tokenAt,
} from './support.ts'

const options: CarrierOptions = { secret }
const strata = fakeStrata()
const causal = (listener: RequestListener): Promise<string> => serve(causalListener(strata, options, listener))

describe('a token goes with HTTP', () => {
  test('from the response of a write into the session of the next request', async () => {
    const seen: unknown[] = []
    const url = await causal((request, response) => {
      seen.push(strata.began())
      if (request.method === 'POST') strata.write(5)
      response.end('done')
    })
    const browse = createBrowser()
    const written = await browse(url, { method: 'POST' })
    expect(positionsOf(written)).toEqual([5, 5])
    const read = await browse(url)
    expect(await read.text()).toBe('done')
    // By the header alone, as a service sends it.
    await fetch(url, { headers: { [headerName]: written.headers.get(headerName) ?? '' } })
    await fetch(url)
    expect(seen).toEqual([undefined, tokenAt(5), tokenAt(5), undefined])
  })

  test('as a cookie that scripts do not see and other sites do not send', async () => {
    const url = await causal((_, response) => {
      strata.write(5)
      response.end()
    })
    const [line, ...others] = (await fetch(url)).headers.getSetCookie()
    expect(others).toEqual([])
    expect(line).toBe(`pgstrata=${signedAt(5)}; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax`)
  })

  test('but not where the session came no further than the request', async () => {
    const url = await causal((request, response) => {
      const at = Number(request.url?.slice(1))
      if (at > 0) strata.write(at)
      response.end()
    })
    const headers = { [headerName]: signedAt(5) }
    expect(positionsOf(await fetch(`${url}/0`))).toEqual([undefined, undefined])
    expect(positionsOf(await fetch(`${url}/0`, { headers }))).toEqual([undefined, undefined])
    expect(positionsOf(await fetch(`${url}/5`, { headers }))).toEqual([undefined, undefined])
    expect(positionsOf(await fetch(`${url}/4`, { headers }))).toEqual([undefined, undefined])
    expect(positionsOf(await fetch(`${url}/6`, { headers }))).toEqual([6, 6])
  })

  test('by the way that the options leave', async () => {
    const answer: RequestListener = (_, response) => {
      strata.write(5)
      response.end(String(strata.began()?.lsn))
    }
    const named = await serve(
      causalListener(strata, { secret, cookie: 'seen', header: 'X-Seen', cookieAttributes: { secure: false } }, answer),
    )
    const response = await fetch(named, { headers: { 'x-seen': signedAt(3) } })
    expect(await response.text()).toBe('3')
    expect(readPosition(response.headers.get('x-seen'))).toBe(5)
    expect(response.headers.getSetCookie()).toEqual([`seen=${signedAt(5)}; Max-Age=60; Path=/; HttpOnly; SameSite=Lax`])
    const both = { [headerName]: signedAt(4), cookie: `pgstrata=${signedAt(3)}` }
    const byHeader = await fetch(await serve(causalListener(strata, { secret, cookie: false }, answer)), {
      headers: both,
    })
    expect(positionsOf(byHeader)).toEqual([5, undefined])
    expect(await byHeader.text()).toBe('4')
    const byCookie = await fetch(await serve(causalListener(strata, { secret, header: false }, answer)), {
      headers: both,
    })
    expect(positionsOf(byCookie)).toEqual([undefined, 5])
    expect(await byCookie.text()).toBe('3')
  })
})
