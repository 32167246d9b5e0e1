// causalMiddleware in a chain such as those of connect and express: each calls the next, errors go along.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { expect, expectTypeOf, test } from 'vitest'
import { StrataError } from '../../src/base/errors.ts'
import { causalMiddleware, type CausalScope } from '../../src/http/index.ts'
import { fakeStrata, headerName, positionsOf, secret, serve, signedAt } from './support.ts'

type Step = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

const strata = fakeStrata()

function chain(steps: readonly Step[], errors: unknown[] = []): RequestListener {
  return (request, response) => {
    const run = ([step, ...rest]: readonly Step[]): void => {
      step?.(request, response, (error) => {
        if (error === undefined) return run(rest)
        errors.push(error)
        response.writeHead(503).end()
      })
    }
    run(steps)
  }
}

test('it fits where connect and express take middleware', () => {
  expectTypeOf(causalMiddleware(strata, { secret })).toExtend<Step>()
})

test('what comes after it runs in the session, what came before does not', async () => {
  const seen: unknown[] = []
  const note: Step = (_, __, next) => {
    seen.push(strata.began()?.lsn)
    next()
  }
  const answer: Step = (_, response) => {
    strata.write(6)
    response.end()
  }
  const url = await serve(chain([note, causalMiddleware(strata, { secret }), note, answer]))
  const response = await fetch(url, { headers: { [headerName]: signedAt(5) } })
  expect(positionsOf(response)).toEqual([6, 6])
  expect(seen).toEqual([undefined, 5n])
})

test('a step that wraps the head itself, before or after, still sees it written once', async () => {
  const heads: unknown[] = []
  const wrap: Step = (_, response, next) => {
    const writeHead = response.writeHead.bind(response) as (...args: readonly unknown[]) => ServerResponse
    response.writeHead = (...args: readonly unknown[]) => {
      heads.push(args[0])
      response.appendHeader('set-cookie', `session${heads.length}=1`)
      return writeHead(...args)
    }
    next()
  }
  const answer: Step = (_, response) => {
    strata.write(6)
    response.setHeader('set-cookie', 'app=1')
    response.statusCode = 201
    response.end()
  }
  const url = await serve(chain([wrap, causalMiddleware(strata, { secret }), wrap, answer]))
  const response = await fetch(url)
  expect(heads).toEqual([201, 201])
  const names = response.headers.getSetCookie().map((line) => line.split('=')[0])
  expect(names.toSorted()).toEqual(['app', 'pgstrata', 'session1', 'session2'])
  expect(positionsOf(response)).toEqual([6, 6])
})

test('a session that cannot begin is an error for the chain', async () => {
  const closed: CausalScope = {
    scope: () => {
      throw new StrataError('DATABASE_LOST', { message: 'It is closed' })
    },
  }
  const errors: unknown[] = []
  const url = await serve(chain([causalMiddleware(closed, { secret })], errors))
  expect((await fetch(url, { headers: { [headerName]: signedAt(5) } })).status).toBe(503)
  expect(errors).toEqual([expect.objectContaining({ code: 'DATABASE_LOST' })])
})

test('what a later step throws is thrown, not handed on a second time', async () => {
  const caught: unknown[] = []
  const errors: unknown[] = []
  const broken: Step = () => {
    throw new StrataError('TOKEN_FOREIGN', { message: 'from a later step' })
  }
  const steps = chain([causalMiddleware(strata, { secret }), broken], errors)
  const url = await serve((request, response) => {
    try {
      steps(request, response)
    } catch (error) {
      caught.push(error)
      response.writeHead(500).end()
    }
  })
  expect((await fetch(url, { headers: { [headerName]: signedAt(5) } })).status).toBe(500)
  expect(caught).toEqual([expect.objectContaining({ message: 'from a later step' })])
  expect(errors).toEqual([])
})
