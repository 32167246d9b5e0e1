// Adds headers to a response at the last moment: when its head is written. Whatever writes it (write, end, flushHeaders, a
// pipe, a framework) goes through writeHead, in node:http and in the compatibility API of node:http2.
// Promises: the app's headers go out as it gave them, in whichever of writeHead's forms, its cookies with ours behind. A
// head that could not be written (a value that node:http refuses) and is tried again holds ours once.
// State: one response's own writeHead, and what it has added.

import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

export type CausalResponse = ServerResponse | Http2ServerResponse

export interface HeadAdditions {
  /** By lower-case name; they take the place of the app's. */
  readonly headers: Readonly<Record<string, string>>
  /** Lines of Set-Cookie; they come behind the app's. */
  readonly cookies: readonly string[]
}

interface Head {
  readonly headersSent: boolean
  getHeader(name: string): unknown
  setHeader(name: string, value: unknown): unknown
  writeHead(status: number, ...rest: readonly unknown[]): unknown
}

type Pair = readonly [name: string, value: unknown]

/** `additions` is asked once for every attempt to write the head. */
export function extendHead(response: CausalResponse, additions: () => HeadAdditions | undefined): void {
  const head = response as unknown as Head
  const writeHead = head.writeHead.bind(head)
  const written = new Set<unknown>()
  head.writeHead = (status, ...rest) => {
    const added = head.headersSent ? undefined : additions()
    if (added === undefined) return writeHead(status, ...rest)
    const [reason, given] = typeof rest[0] === 'string' ? rest : [undefined, rest[0] ?? rest[1]]
    const headers = addHeaders(head, given, {
      ...added,
      isOurs: (line) => written.has(line),
    })
    for (const line of added.cookies) written.add(line)
    return reason === undefined ? writeHead(status, headers) : writeHead(status, reason, headers)
  }
}

/**
 * Returns what writeHead is to be given in the place of `given`: an object, a flat list of names and values, a list of
 * pairs, or nothing. Beside a list, what setHeader was given counts differently from release to release, so ours go into
 * the list. Otherwise they go where setHeader puts them: there, others who wrapped writeHead before us see and keep them.
 */
function addHeaders(
  head: Head,
  given: unknown,
  added: HeadAdditions & { readonly isOurs: (line: unknown) => boolean },
): unknown {
  const pairs = readPairs(given)
  if (pairs === undefined) return given
  const isCookie = ([name]: Pair): boolean => added.cookies.length > 0 && name.toLowerCase() === 'set-cookie'
  const kept = pairs.filter((pair) => !isCookie(pair) && !Object.hasOwn(added.headers, pair[0].toLowerCase()))
  const givenCookies = pairs.filter(isCookie).flatMap(([, value]) => value)
  // What writeHead is given takes the place of what setHeader was given.
  const own = (givenCookies.length > 0 ? givenCookies : [head.getHeader('set-cookie')].flat()).filter(
    (line) => line !== undefined && !added.isOurs(line),
  )
  // Cookies as one pair with a list: of several pairs of one name, some releases of node:http keep the last alone.
  const cookies: Pair[] = added.cookies.length > 0 ? [['set-cookie', [...own, ...added.cookies]]] : []
  const ours: readonly Pair[] = [...Object.entries(added.headers), ...cookies]
  if (Array.isArray(given)) return [...kept, ...ours].flat()
  for (const [name, value] of ours) head.setHeader(name, value)
  return given == null ? given : Object.fromEntries(kept)
}

/** undefined: not a form that writeHead takes, so let it say so. */
function readPairs(given: unknown): readonly Pair[] | undefined {
  if (given === undefined || given === null) return []
  if (!Array.isArray(given)) return typeof given === 'object' ? Object.entries(given) : undefined
  const list: readonly unknown[] = given
  if (list.every((item): item is readonly unknown[] => Array.isArray(item))) return list.map(toPair)
  if (list.length % 2 !== 0) return undefined
  return Array.from({ length: list.length / 2 }, (_, index) => toPair(list.slice(index * 2)))
}

function toPair([name, value]: readonly unknown[]): Pair {
  return [String(name), value]
}
