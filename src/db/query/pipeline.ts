// Statements back to back on one connection of the pool, in one flight, each with its own Sync: each is a transaction of its
// own, and one that fails leaves the others be.
// Promises: every statement is answered, by the server or by the loss of the connection. The connection is chosen, and its
// session marked, as for a stream; what the session cannot know by itself, a read behind the flight makes known to it.

import pg from 'pg'
import type { LazyClient } from '../pool/clients/lazy-client.ts'
import { ownStatement } from '../pool/observer.ts'
import type { StrataPool } from '../pool/strata-pool.ts'

export interface PreparedStatement {
  readonly text: string
  /** As they go over the wire. */
  readonly values: readonly unknown[]
}

export type RawOutcome =
  | { readonly result: pg.QueryResult; readonly error?: undefined }
  | { readonly error: Error; readonly result?: undefined }

/**
 * A Submittable that sends nothing but a Sync: while it is under way the connection is ours, and what is queued behind it in
 * pipeline mode leaves with it.
 */
class Opening {
  /** Decides where it goes. */
  readonly text: string
  readonly [ownStatement] = true
  readonly #submitted: () => void
  readonly #failed: (error: Error) => void

  constructor(text: string, submitted: () => void, failed: (error: Error) => void) {
    this.text = text
    this.#submitted = submitted
    this.#failed = failed
  }

  submit(connection: unknown): null {
    ;(connection as { sync(): void }).sync()
    // Not at once: pg is in the middle of handing this one over.
    queueMicrotask(this.#submitted)
    return null
  }

  handleError(error: Error): void {
    this.#failed(error)
  }

  handleReadyForQuery(): void {}
}

/** `lead`: the statement whose routing is that of all. Rejects where no connection could be had. */
export async function sendPipelined(
  pool: StrataPool,
  lead: string,
  statements: readonly PreparedStatement[],
): Promise<readonly RawOutcome[]> {
  const client = (await pool.connect()) as unknown as LazyClient
  try {
    const outcomes = await new Promise<readonly RawOutcome[]>((resolve, reject) => {
      let isSent = false
      const send = (): void => {
        isSent = true
        fly(client, statements, resolve)
      }
      // Once they are sent they tell of a loss themselves.
      const fail = (error: Error): void => (isSent ? undefined : reject(error))
      client.query(new Opening(lead, send, fail))
    })
    await settle(client)
    return outcomes
  } finally {
    client.release()
  }
}

function fly(
  lazy: LazyClient,
  statements: readonly PreparedStatement[],
  answered: (outcomes: readonly RawOutcome[]) => void,
): void {
  const client = lazy.bound as unknown as pg.Client
  const outcomes: RawOutcome[] = []
  let open = statements.length
  const pipelined = client as unknown as { pipeline: boolean }
  pipelined.pipeline = true
  client.connection.stream.cork()
  statements.forEach(({ text, values }, index) => {
    const config = { text, values: [...values], queryMode: 'extended' } as pg.QueryConfig
    const told = lazy.tell(text)
    client.query(config, (error: Error | null, result: pg.QueryResult) => {
      told?.end(error ?? null, result?.rowCount)
      outcomes[index] = error === null || error === undefined ? { result } : { error }
      if (--open > 0) return
      pipelined.pipeline = false
      answered(outcomes)
    })
  })
  client.connection.stream.uncork()
}

/** A read on the primary tells a session where it stands. If it cannot be had, the session's next read goes there. */
async function settle(client: LazyClient): Promise<void> {
  try {
    await (client.query({ text: 'select', [ownStatement]: true }) as Promise<unknown>)
  } catch {
    // Nothing is lost: the session knows that it does not know.
  }
}
