import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { causalListener, type Http2RequestListener } from '../../src/http/index.ts'
import { waitUntil } from '../support/wait.ts'
import { fakeStrata, headerName, readPosition, secret, signedAt } from './support.ts'

const strata = fakeStrata()

async function open(listener: Http2RequestListener): Promise<ClientHttp2Session> {
  const server = createServer(causalListener(strata, { secret }, listener))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  return client
}

async function ask(
  client: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string,
): Promise<{ readonly status: unknown; readonly position: number | undefined; readonly body: string }> {
  const stream = client.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }]
  const text = Buffer.concat(await stream.toArray()).toString()
  return { status: answer[':status'], position: readPosition(answer[headerName] as string | undefined), body: text }
}

test('streams of one connection stay apart, and their bodies end in their own session', async () => {
  const client = await open((request, response) => {
    request.resume().on('end', () => {
      const began = String(strata.began()?.lsn)
      strata.write(Number(request.url.slice(1)))
      response.end(began)
    })
  })
  const answers = await Promise.all(
    [1, 2, 3].map((at) =>
      ask(
        client,
        { ':method': 'POST', ':path': `/${at}`, ...(at === 2 ? {} : { [headerName]: signedAt(at - 1) }) },
        'x',
      ),
    ),
  )
  expect(answers).toEqual([
    { status: 200, position: 1, body: '0' },
    { status: 200, position: 2, body: 'undefined' },
    { status: 200, position: 3, body: '2' },
  ])
})

test('cookies come in one by one, and the token is found among them', async () => {
  const client = await open((_, response) => void response.end(String(strata.began()?.lsn)))
  const answer = await ask(client, { ':path': '/', cookie: ['a=1', `pgstrata=${signedAt(4)}`, 'b=2'] })
  expect(answer).toEqual({ status: 200, position: undefined, body: '4' })
})

const ways: readonly [string, number, (response: Http2ServerResponse) => unknown][] = [
  ['end() alone', 200, (response) => response.end()],
  ['write()', 200, (response) => (response.write('a'), response.end('b'))],
  ['flushHeaders()', 200, (response) => (flushHeaders(response), response.end())],
  ['a redirect', 303, (response) => response.writeHead(303, { location: '/next' }).end()],
  ['304', 304, (response) => response.writeHead(304).end()],
]

/** The types do not know it; the compatibility API has it all the same. */
function flushHeaders(response: Http2ServerResponse): void {
  ;(response as Http2ServerResponse & { flushHeaders(): void }).flushHeaders()
}

test.each(ways)('the head carries the token with %s', async (_, status, answer) => {
  const client = await open((_: Http2ServerRequest, response: Http2ServerResponse) => {
    strata.write(5)
    answer(response)
  })
  for (const method of ['GET', 'HEAD'])
    expect(await ask(client, { ':method': method, ':path': '/' })).toMatchObject({ status, position: 5 })
})

test('a stream that the client has closed can still be answered, in vain', async () => {
  const outcomes: unknown[] = []
  const client = await open((request, response) => {
    request.resume()
    response.on('close', () => {
      strata.write(5)
      response.writeHead(200)
      response.end()
      outcomes.push(strata.began()?.lsn)
    })
    stream.close()
  })
  const stream = client.request({ ':path': '/', [headerName]: signedAt(4) })
  await once(stream, 'close')
  await waitUntil(() => outcomes.length > 0, { what: 'the response to close' })
  expect(outcomes).toEqual([4n])
})
