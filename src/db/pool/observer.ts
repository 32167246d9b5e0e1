// Who is told of each statement when it has been answered, beside the diagnostics channels: of one pool alone, without a record
// of each and without AsyncResource.
// Promises: each statement of the application is told of once, however it was run and however often it was tried. What the
// library asks for itself is marked by `ownStatement` and not told of. Where an observer throws, the process hears of it, and not
// the statement that it was told of.

import type pg from 'pg'

export interface StatementObserver {
  /** Somebody reads the context of the caller in begin(): statements that wait on their client have it kept for them. */
  readonly needsContext: boolean
  /** As it sets out. What it returns comes back with the end. */
  begin(): unknown
  /** `text` as it was sent, without its values; from when to when by the monotonic clock. */
  end(text: string, sinceMs: number, nowMs: number, error: Error | null, begun: unknown): void
}

/** On a query's configuration, or a Submittable: the library's own question, none of the application's calls. */
export const ownStatement: unique symbol = Symbol.for('pgstrata.ownStatement')

export function isOwn(config: unknown): boolean {
  return (
    typeof config === 'object' && config !== null && (config as { [ownStatement]?: boolean })[ownStatement] === true
  )
}

/** The same, marked. */
export function asOwn<T extends object>(config: T): T {
  return { ...config, [ownStatement]: true }
}

/** One statement that somebody is told of when it has ended. */
export class Observation {
  readonly sinceMs: number
  readonly #observer: StatementObserver
  readonly #text: string
  readonly #begun: unknown

  constructor(observer: StatementObserver, text: string, sinceMs: number) {
    this.#observer = observer
    this.#text = text
    this.#begun = observer.begin()
    this.sinceMs = sinceMs
  }

  end(error: Error | null | undefined, nowMs: number): void {
    try {
      this.#observer.end(this.#text, this.sinceMs, nowMs, error ?? null, this.#begun)
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown
      })
    }
  }
}

/** Several as one; undefined: nobody. */
export function combineObservers(observers: readonly StatementObserver[]): StatementObserver | undefined {
  if (observers.length < 2) return observers[0]
  return {
    get needsContext() {
      return observers.some((observer) => observer.needsContext)
    },
    begin: () => observers.map((observer) => observer.begin()),
    end: (text, sinceMs, nowMs, error, begun) =>
      observers.forEach((observer, index) => observer.end(text, sinceMs, nowMs, error, (begun as unknown[])[index])),
  }
}

type StreamHandlers = Record<'handleReadyForQuery' | 'handleError', ((...args: unknown[]) => unknown) | undefined>

/**
 * Calls once when a Submittable has ended: its connection is ready again, or it failed, and pg tells it nothing more. A cursor
 * ends when it is closed or has been read to its end.
 */
export function whenStreamEnds(submittable: pg.Submittable, ended: (error: Error | null) => void): void {
  const handlers = submittable as unknown as StreamHandlers
  const { handleReadyForQuery: ready, handleError: fail } = handlers
  let isOver = false
  const end = (error: Error | null): void => {
    if (isOver) return
    isOver = true
    ended(error)
  }
  handlers.handleReadyForQuery = function (this: unknown, ...args) {
    end(null)
    return ready?.apply(this, args)
  }
  handlers.handleError = function (this: unknown, ...args) {
    end(args[0] as Error)
    return fail?.apply(this, args)
  }
}
