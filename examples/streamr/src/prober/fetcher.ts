// GET, for addresses that somebody else chose.
//
// Promises: an answer within `timeoutMs`, or none; never more than `maxBodyBytes` of it in memory; redirects are followed within the
// host that was asked and nowhere else; only http and https, and only what `permits` allows. What goes wrong is an outcome with a
// sentence, not an error. Connections are kept for some seconds and used again; one that the other side had closed meanwhile is tried once more.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Clock } from 'pgstrata'

export type Fetched = { readonly body: Buffer } | { readonly failure: string } | { readonly abandoned: true }

export interface FetcherOptions {
  readonly timeoutMs: number
  readonly maxBodyBytes: number
  readonly maxRedirects: number
  readonly clock: Clock
  /** Default: every host. Say otherwise where inner addresses must not be reached from here. */
  readonly permits?: ((url: URL) => boolean) | undefined
}

export interface Fetcher {
  /** Abandoned: `signal` fired, so it says nothing about the other side. */
  get(url: string, signal: AbortSignal): Promise<Fetched>
  close(): void
}

/** Long enough for a check after a poll; with thousands of hosts, connections are not to add up. */
const idleMs = 4_000

export function createFetcher(options: FetcherOptions): Fetcher {
  const kept = { keepAlive: true, timeout: idleMs }
  const agents = { 'http:': new HttpAgent(kept), 'https:': new HttpsAgent(kept) }
  return {
    get: async (url, signal) => {
      if (signal.aborted) return { abandoned: true }
      const limit = new AbortController()
      const cancel = options.clock.after(options.timeoutMs, () => limit.abort())
      try {
        return await follow(url, { ...options, agents, signal: AbortSignal.any([signal, limit.signal]) })
      } catch (error) {
        if (signal.aborted) return { abandoned: true }
        if (limit.signal.aborted) return { failure: `no answer within ${options.timeoutMs} ms` }
        return { failure: describe(error) }
      } finally {
        cancel()
      }
    },
    close: () => {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

interface Call extends FetcherOptions {
  readonly agents: { readonly 'http:': HttpAgent; readonly 'https:': HttpsAgent }
  readonly signal: AbortSignal
}

async function follow(first: string, call: Call): Promise<Fetched> {
  let url = URL.canParse(first) ? new URL(first) : undefined
  for (let redirects = 0; url !== undefined && redirects <= call.maxRedirects; redirects++) {
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      return { failure: 'the address is neither http nor https' }
    if (call.permits?.(url) === false) return { failure: 'the address is not permitted' }
    const response = await sendAgain(url, call)
    const { statusCode = 0, headers } = response
    if (statusCode === 200) return await readBody(response, call.maxBodyBytes)
    response.destroy()
    if (statusCode < 300 || statusCode > 399 || headers.location === undefined)
      return { failure: `answered with status ${statusCode}` }
    const next: URL | undefined = URL.canParse(headers.location, url.href) ? new URL(headers.location, url) : undefined
    if (next?.host !== url.host) return { failure: 'a redirect to another host' }
    url = next
  }
  return { failure: url === undefined ? 'the address is not a URL' : `more than ${call.maxRedirects} redirects` }
}

async function sendAgain(url: URL, call: Call): Promise<IncomingMessage> {
  try {
    return await send(url, call)
  } catch (error) {
    if (!(error instanceof StaleConnection) || call.signal.aborted) throw error
    return await send(url, call)
  }
}

class StaleConnection extends Error {}

function send(url: URL, { agents, signal }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { signal, headers: { accept: 'application/json' } }
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...options, agent: agents['https:'] })
        : httpRequest(url, { ...options, agent: agents['http:'] })
    request.once('response', resolve)
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = request.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted
      reject(isStale ? new StaleConnection() : error)
    })
    request.end()
  })
}

async function readBody(response: IncomingMessage, maxBodyBytes: number): Promise<Fetched> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    // Leaving the loop destroys the response.
    if (bytes > maxBodyBytes) return { failure: `the answer is longer than ${maxBodyBytes} bytes` }
    chunks.push(chunk)
  }
  return { body: Buffer.concat(chunks) }
}

/** By its code alone: messages of the system carry addresses. */
function describe(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code
  return typeof code === 'string' && /^[A-Z_]{2,40}$/.test(code) ? `cannot be reached: ${code}` : 'cannot be reached'
}
