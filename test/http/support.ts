// What the tests of the carriers share: a CausalScope without a database, a server that is gone after the test, a client
// that keeps cookies as a browser does.

import { AsyncLocalStorage } from 'node:async_hooks'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { StrataError } from '../../src/base/errors.ts'
import { createTokenSigner, type Token } from '../../src/db/token.ts'
import type { CausalScope } from '../../src/http/index.ts'

export const secret = 'a secret of more than 32 characters'
export const headerName = 'x-pgstrata-token'

const signer = createTokenSigner([secret])
const sign = (token: Token): string => signer.sign(token)
export const tokenAt = (lsn: number, systemId = '7'): Token => ({ systemId, timeline: 1, lsn: BigInt(lsn) })
export const signedAt = (lsn: number, systemId?: string): string => sign(tokenAt(lsn, systemId))

/** Where a text that was sent stands; undefined if none was. */
export function readPosition(text: string | null | undefined): number | undefined {
  return text == null ? undefined : Number(signer.verify(text).lsn)
}

export interface FakeStrata extends CausalScope {
  /** A write in the session of now, which ends at `lsn`. */
  write(lsn: number): void
  /** The token that the session of now began at; null: there is no session. */
  began(): Token | undefined | null
}

/** Cluster '7'. Like the real one, it finds out about foreign tokens when a session begins. */
export function fakeStrata(): FakeStrata {
  const store = new AsyncLocalStorage<{ readonly first: Token | undefined; token: Token | undefined }>()
  return {
    scope: (token, fn) => {
      if (token !== undefined && token.systemId !== '7')
        throw new StrataError('TOKEN_FOREIGN', { message: 'A token comes from another cluster' })
      const session = { first: token, token }
      return store.run(session, () => fn(session))
    },
    write: (lsn) => {
      const session = store.getStore()
      if (session === undefined) throw new Error('A write outside of every session')
      session.token = tokenAt(lsn)
    },
    began: () => {
      const session = store.getStore()
      return session === undefined ? null : session.first
    },
  }
}

/** Its URL, without a slash at the end. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** `fetch` that does not follow redirects and keeps cookies by name; `Secure` does not hold it back. */
export function createBrowser(): (url: string, init?: RequestInit) => Promise<Response> {
  const jar = new Map<string, string>()
  return async (url, init = {}) => {
    const headers = new Headers(init.headers)
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await fetch(url, { redirect: 'manual', ...init, headers })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      jar.set(name, value)
    }
    return response
  }
}

/** Where the tokens stand that a response carries. */
export function positionsOf(response: Response): readonly [header: number | undefined, cookie: number | undefined] {
  return [readPosition(response.headers.get(headerName)), readPosition(ownCookie(response.headers.getSetCookie()))]
}

/** The value of our cookie among the lines of Set-Cookie. */
function ownCookie(lines: readonly string[]): string | undefined {
  return lines.map((line) => /^pgstrata=([^;]*)/.exec(line)?.[1]).find((value) => value !== undefined)
}
