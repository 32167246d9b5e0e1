import { EventEmitter } from 'node:events'
import { IncomingMessage, type RequestListener, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { StrataError } from '../../src/base/errors.ts'
import { causalListener, type CarrierOptions } from '../../src/http/index.ts'
import { waitUntil } from '../support/wait.ts'
import { fakeStrata, headerName, positionsOf, secret, serve, signedAt } from './support.ts'

const options: CarrierOptions = { secret }
const strata = fakeStrata()
const causal = (listener: RequestListener): Promise<string> => serve(causalListener(strata, options, listener))

describe('what goes wrong in a listener goes wrong as without us', () => {
  test('a promise that is rejected comes back to the server, which answers 500 where it is told to', async () => {
    EventEmitter.captureRejections = true
    onTestFinished(() => {
      EventEmitter.captureRejections = false
    })
    const fail = async (): Promise<never> => {
      strata.write(5)
      await Promise.resolve()
      throw new Error('from the listener')
    }
    const url = await causal((): unknown => fail())
    const response = await fetch(url)
    expect(response.status).toBe(500)
    // What was written was written.
    expect(positionsOf(response)).toEqual([5, 5])
  })

  test('an error that is thrown is thrown, and the listener not called again', () => {
    const codes = ['INTERNAL', 'TOKEN_FOREIGN', 'TOKEN_INVALID'] as const
    for (const code of codes) {
      let calls = 0
      const listener = causalListener(strata, options, () => {
        calls += 1
        throw new StrataError(code, { message: 'from the listener' })
      })
      const request = Object.assign(new IncomingMessage(new Socket()), { headers: { [headerName]: signedAt(5) } })
      expect(() => listener(request, new ServerResponse(request))).toThrow('from the listener')
      expect(calls).toBe(1)
    }
  })

  test('a client that goes away leaves a response that can still be ended', async () => {
    const events: string[] = []
    const url = await causal((request, response) => {
      request.on('close', () => events.push('request'))
      response.on('close', () => {
        events.push('response')
        strata.write(5)
        response.writeHead(200)
        response.end('too late')
        events.push(`ended in ${String(strata.began()?.lsn)}`)
      })
      controller.abort()
    })
    const controller = new AbortController()
    const headers = { [headerName]: signedAt(4) }
    await expect(fetch(url, { signal: controller.signal, headers })).rejects.toThrow('aborted')
    await waitUntil(() => events.includes('ended in 4'), { what: 'the response to close' })
    expect(events.toSorted()).toEqual(['ended in 4', 'request', 'response'])
  })
})
