// Observing any pg.Pool. A StrataPool tells of its statements itself; of a plain one each client is observed, from the moment
// it is made or taken, and those that were there before.
//
// What must be true: a statement is told of once, whether pool.query or client.query sent it (the first sends by the second).
// Of a plain pool its duration begins when it is given to its client: what it waited for a client is not in it.
// What is undone leaves every client as it was; where somebody else wrapped it since, ours stays within and does nothing.
// A promise that nobody handles is still reported, and a caller's configuration is not touched.

import type pg from 'pg'
import type { Clock } from '../base/clock.ts'
import { isOwn, Observation, whenStreamEnds, type StatementObserver } from './pool/observer.ts'
import { isSubmittable, plainTextOf, textOf } from './pool/statement/call.ts'

type QueryMethod = (this: unknown, ...args: unknown[]) => unknown
type Callback = (error: Error | null | undefined, ...rest: unknown[]) => void
type Hooked = { query: QueryMethod }

/** What is returned ends it. */
export function observePool(pool: pg.Pool, observer: StatementObserver, clock: Clock): () => void {
  const own = pool as { observe?(observer: StatementObserver): () => void }
  // By what it can do: two copies of the package would fail `instanceof`.
  if (typeof own.observe === 'function') return own.observe(observer)
  return observeClients(pool, observer, clock)
}

function observeClients(pool: pg.Pool, observer: StatementObserver, clock: Clock): () => void {
  const hooks = new Map<Hooked, () => void>()
  let isOver = false
  const begin = (text: string): ((error: Error | null | undefined) => void) => {
    const observation = new Observation(observer, text, clock.monotonic())
    return (error) => {
      if (!isOver) observation.end(error, clock.monotonic())
    }
  }
  const hook = (given: unknown): void => {
    const client = given as Hooked
    if (!hooks.has(client))
      hooks.set(
        client,
        hookQuery(client, begin, () => isOver),
      )
  }
  const forget = (client: unknown): void => void hooks.delete(client as Hooked)
  // Before the listeners that were there: what they send is the application's as well.
  pool.prependListener('connect', hook)
  pool.on('acquire', hook)
  pool.on('remove', forget)
  // Of pg-pool's own state: without it, clients that are in use now are observed from their next use on.
  const { _clients: present } = pool as unknown as { readonly _clients?: readonly unknown[] }
  for (const client of present ?? []) hook(client)
  return () => {
    isOver = true
    pool.off('connect', hook)
    pool.off('acquire', hook)
    pool.off('remove', forget)
    for (const undo of hooks.values()) undo()
    hooks.clear()
  }
}

function hookQuery(
  client: Hooked,
  begin: (text: string) => (error: Error | null | undefined) => void,
  isOver: () => boolean,
): () => void {
  const wasOwn = Object.hasOwn(client, 'query')
  const inner = client.query
  const hooked: QueryMethod = function (this: unknown, ...args) {
    const [config, values, callback] = args
    if (isOver() || isOwn(config) || config === null || config === undefined) return inner.apply(this, args)
    if (isSubmittable(config)) {
      whenStreamEnds(config, begin(textOf(config)))
      return inner.apply(this, args)
    }
    const ended = begin(plainTextOf(config))
    const given = callback ?? (typeof values === 'function' ? values : (config as { callback?: unknown }).callback)
    if (typeof given === 'function') {
      const told: Callback = (error, ...rest) => {
        ended(error)
        ;(given as Callback)(error, ...rest)
      }
      return inner.call(this, config, typeof values === 'function' ? undefined : values, told)
    }
    return follow(inner.apply(this, args), ended)
  }
  client.query = hooked
  return () => {
    if (client.query !== hooked) return
    if (wasOwn) client.query = inner
    else delete (client as Partial<Hooked>).query
  }
}

/** Whoever awaits it awaits what is returned, so a rejection that nobody handles stays one. */
function follow(answer: unknown, ended: (error: Error | null) => void): unknown {
  if (typeof (answer as Promise<unknown> | undefined)?.then !== 'function') return answer
  return (answer as Promise<unknown>).then(
    (result) => {
      ended(null)
      return result
    },
    (error: unknown) => {
      ended(error as Error)
      throw error
    },
  )
}
