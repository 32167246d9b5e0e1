// The app's own headers, in every form in which node:http and node:http2 take them, with and without us.

import { request as httpRequest, type IncomingMessage } from 'node:http'
import {
  connect,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
} from 'node:http2'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { causalListener } from '../../src/http/index.ts'
import { fakeStrata, headerName, secret, serve, signedAt } from './support.ts'

/** What node:http and node:http2 have in common, as the answers below use it. */
interface Answering {
  setHeader(name: string, value: string | readonly string[]): unknown
  writeHead(status: number, headers?: unknown): { end(): unknown }
  end(): unknown
}

const strata = fakeStrata()
const cookie = `pgstrata=${signedAt(5)}; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax`

const forms: Readonly<Record<string, (response: Answering) => unknown>> = {
  'nothing of its own': (response) => response.end(),
  'setHeader, a text': (response) => (response.setHeader('Set-Cookie', 'a=1'), response.end()),
  'setHeader, a list': (response) => (response.setHeader('set-cookie', ['a=1', 'b=2']), response.end()),
  'setHeader, then a bare writeHead': (response) => (
    response.setHeader('set-cookie', ['a=1', 'b=2']),
    response.writeHead(200).end()
  ),
  'setHeader, then an object without cookies': (response) => (
    response.setHeader('set-cookie', ['a=1', 'b=2']),
    response.writeHead(200, { 'x-app': '1' }).end()
  ),
  'setHeader, then an object with a cookie, which takes its place': (response) => (
    response.setHeader('set-cookie', ['a=1', 'b=2']),
    response.writeHead(200, { 'Set-Cookie': 'c=3', 'x-app': '1' }).end()
  ),
  'an object': (response) => response.writeHead(200, { 'x-app': '1', 'Content-Type': 'text/plain' }).end(),
  'an object with cookies': (response) => response.writeHead(200, { 'SET-COOKIE': ['a=1', 'b=2'], 'x-app': '1' }).end(),
  'an object with one cookie': (response) => response.writeHead(200, { 'set-cookie': 'a=1' }).end(),
  'a flat list': (response) => response.writeHead(200, ['x-app', '1', 'X-Other', '2']).end(),
  'a flat list with cookies': (response) =>
    response.writeHead(200, ['Set-Cookie', 'a=1', 'x-app', '1', 'set-cookie', 'b=2']).end(),
  'setHeader, then a flat list without cookies': (response) => (
    response.setHeader('set-cookie', ['a=1', 'b=2']),
    response.writeHead(200, ['x-app', '1']).end()
  ),
  'setHeader, then a flat list with a cookie': (response) => (
    response.setHeader('set-cookie', ['a=1', 'b=2']),
    response.writeHead(200, ['x-app', '1', 'set-cookie', 'c=3']).end()
  ),
  'an empty list': (response) => response.writeHead(200, []).end(),
}

const transports: Readonly<Record<string, (answer: (response: Answering) => unknown) => Promise<HeaderParts>>> = {
  'node:http': askHttp,
  'node:http2': askHttp2,
}

describe.each(Object.entries(transports))('over %s', (_, ask) => {
  test.each(Object.entries(forms))('%s: it goes out as without us, with ours behind', async (_, form) => {
    const plain = await ask(form)
    const carried = await ask((response) => {
      strata.write(5)
      return form(response)
    })
    expect(carried).toEqual({ ...plain, cookies: [...plain.cookies, cookie], token: signedAt(5) })
  })

  test('a token of the app, passed on from another service, gives way', async () => {
    const forward = (response: Answering): unknown =>
      response.writeHead(200, { 'X-Pgstrata-Token': 'of another' }).end()
    expect(await ask(forward)).toMatchObject({ token: 'of another' })
    const carried = await ask((response) => {
      strata.write(5)
      return forward(response)
    })
    expect(carried).toMatchObject({ token: signedAt(5), cookies: [cookie] })
  })

  test('a list of odd length is refused as ever', async () => {
    const codes: unknown[] = []
    await ask((response) => {
      strata.write(5)
      response.setHeader('x-app', '1')
      try {
        response.writeHead(200, ['x-other'])
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code)
      }
      response.end()
    })
    expect(codes).toEqual(['ERR_INVALID_ARG_VALUE'])
  })
})

test('over node:http, a list of pairs goes out too', async () => {
  const carried = await askHttp((response) => {
    strata.write(5)
    const pairs = [
      ['x-app', '1'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]
    return response.writeHead(200, pairs).end()
  })
  expect(carried).toEqual({ cookies: ['a=1', 'b=2', cookie], token: signedAt(5), others: [['x-app', '1']] })
})

interface HeaderParts {
  readonly cookies: readonly string[]
  readonly token: string | undefined
  readonly others: readonly (readonly [string, unknown])[]
}

function sortOut(headers: IncomingHttpHeaders): HeaderParts {
  const { 'set-cookie': cookies = [], [headerName]: token, ...others } = headers
  const kept = Object.entries(others).filter(([name]) => name.startsWith('x-') || name === 'content-type')
  return { cookies, token: token as string | undefined, others: kept.toSorted() }
}

async function askHttp(answer: (response: Answering) => unknown): Promise<HeaderParts> {
  const url = await serve(causalListener(strata, { secret }, (_, response) => answer(response)))
  const request = httpRequest(url).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  return sortOut(response.headers)
}

async function askHttp2(answer: (response: Answering) => unknown): Promise<HeaderParts> {
  const listener = causalListener(strata, { secret }, (_: Http2ServerRequest, response: Http2ServerResponse) =>
    answer(response),
  )
  const server = createHttp2Server(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  const stream = client.request({ ':path': '/' })
  const [headers] = (await once(stream.resume(), 'response')) as [IncomingHttpHeaders]
  return sortOut(headers)
}
