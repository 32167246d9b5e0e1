import { once } from 'node:events'
import { Agent, type IncomingMessage, request as httpRequest, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { causalListener, type CarrierOptions } from '../../src/http/index.ts'
import { waitUntil } from '../support/wait.ts'
import { fakeStrata, headerName, positionsOf, readPosition, secret, serve, signedAt } from './support.ts'

const options: CarrierOptions = { secret }
const strata = fakeStrata()
const causal = (listener: RequestListener): Promise<string> => serve(causalListener(strata, options, listener))

describe('a session lasts as long as its request', () => {
  test('through promises, timers and the events of request and response', async () => {
    const places: unknown[] = []
    const note = (place: string): unknown => places.push(`${place} ${String(strata.began()?.lsn)}`)
    const url = await causal((request, response) => {
      request.on('data', () => note('data'))
      request.on('end', () => {
        note('end')
        strata.write(6)
        setImmediate(() => {
          note('immediate')
          response.end()
        })
      })
      response.on('finish', () => note('finish'))
      response.on('close', () => note('close'))
    })
    const response = await fetch(url, { method: 'POST', body: 'x', headers: { [headerName]: signedAt(5) } })
    expect(positionsOf(response)).toEqual([6, 6])
    await waitUntil(() => places.length === 5, { what: 'the response to close' })
    expect(places).toEqual(['data 5', 'end 5', 'immediate 5', 'finish 5', 'close 5'])
  })

  test('and no longer: requests on one connection stay apart', async () => {
    const sockets = new Set<unknown>()
    const url = await causal((request, response) => {
      sockets.add(request.socket)
      const at = Number(request.url?.slice(1))
      request.resume().on('end', () => {
        const began = String(strata.began()?.lsn)
        if (at % 2 === 0) strata.write(at)
        response.end(began)
      })
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const answers = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(async (at) => {
        const headers = at % 3 === 0 ? { [headerName]: signedAt(at - 1) } : {}
        const request = httpRequest(`${url}/${at}`, { agent, method: 'POST', headers })
        request.end('body')
        const [response] = (await once(request, 'response')) as [IncomingMessage]
        const chunks = await response.toArray()
        const sent = readPosition(response.headers[headerName] as string | undefined)
        return [Buffer.concat(chunks).toString(), sent]
      }),
    )
    expect(answers).toEqual([
      ['undefined', undefined],
      ['undefined', 2],
      ['2', undefined],
      ['undefined', 4],
      ['undefined', undefined],
      ['5', 6],
    ])
    expect(sockets.size).toBe(1)
  })

  test('with requests that are sent before the answers of earlier ones', async () => {
    const url = await causal((request, response) => {
      const at = Number(request.url?.slice(1))
      // The first is answered last.
      const turns = 10 - at
      const answer = (left: number): void => {
        if (left > 0) return void setImmediate(answer, left - 1)
        strata.write(at)
        response.end()
      }
      answer(turns)
    })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    socket.write([1, 2, 3].map((at) => `GET /${at} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''))
    const heads = await waitUntil(
      () => {
        const found = [...text.matchAll(/^x-pgstrata-token: (.*)\r$/gm)].map(([, value]) => readPosition(value))
        return found.length === 3 ? found : undefined
      },
      { what: 'three answers' },
    )
    expect(heads).toEqual([1, 2, 3])
  })
})
