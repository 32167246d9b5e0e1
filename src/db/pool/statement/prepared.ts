// Statements prepared by name, bounded: a connection keeps the ones used last, and closes the others on the server.
// Invariant: what stands in `link.prepared` is at most `max` long, and every other statement of ours is closed before the
// connection serves another one.

import { createHash } from 'node:crypto'
import type pg from 'pg'
import { linkOf } from '../cluster/link.ts'

/** By text: to make a name of a text of 2 kB takes longer than to find it here. */
const names = new Map<string, string>()
const mostNames = 1_000

/** The name under which we prepare a text; the same text has the same name in every process. */
export function preparedName(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  const name = `pgstrata_${createHash('sha1').update(text).digest('base64url')}`
  if (names.size >= mostNames) names.clear()
  names.set(text, name)
  return name
}

interface Wire {
  readonly parsedStatements: Record<string, string | undefined>
  close(message: { type: 'S'; name: string }): void
  sync(): void
}

/** A Submittable: closes statements, one round trip for all. What fails, fails with the connection. */
class CloseStatements {
  readonly #names: readonly string[]

  constructor(names: readonly string[]) {
    this.#names = names
  }

  submit(connection: unknown): null {
    const wire = connection as Wire
    for (const name of this.#names) {
      delete wire.parsedStatements[name]
      wire.close({ type: 'S', name })
    }
    wire.sync()
    return null
  }

  handleError(): void {}
  handleReadyForQuery(): void {}
}

/** Marks a statement as used on this connection; the least recently used beyond `max` are closed, a quarter at a time. */
export function notePrepared(client: pg.Client, name: string, max: number): void {
  const { prepared } = linkOf(client)
  if (prepared.delete(name) || prepared.size < max) {
    prepared.set(name, name)
    return
  }
  const oldest = [...prepared.keys()].slice(0, Math.max(1, max >> 2))
  for (const old of oldest) prepared.delete(old)
  prepared.set(name, name)
  client.query(new CloseStatements(oldest) as unknown as pg.Submittable)
}

/**
 * The server no longer has some of them, or has one for a table that was changed: each is prepared anew when it is next
 * used. All at once: what took one away may have taken more.
 */
export function forgetPrepared(client: pg.Client): void {
  linkOf(client).prepared.clear()
  const names = Object.keys((client.connection as unknown as Wire).parsedStatements)
  client.query(new CloseStatements(names) as unknown as pg.Submittable)
}

/**
 * Whether a prepared statement failed for being prepared: its table has changed since ("cached plan must not change result
 * type"; the server's routine tells it from other unsupported features), or DISCARD or DEALLOCATE took it away.
 */
export function isStalePrepared(error: unknown): boolean {
  const { code, routine } = (error ?? {}) as { code?: unknown; routine?: unknown }
  return code === '26000' || (code === '0A000' && routine === 'RevalidateCachedQuery')
}
