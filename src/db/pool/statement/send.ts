// Sending to pg, alone or several at once, with an answer for each.

import type pg from 'pg'
import type { Call, QueryCallback } from './call.ts'
import { sendable } from './sendable.ts'

export interface Asked {
  readonly config: string | pg.QueryConfig
  readonly values?: unknown[] | undefined
}

/** pg takes more forms together than its types tell. */
export function askPg(client: pg.Client, { config, values }: Asked, callback: QueryCallback): void {
  ;(client.query as (config: unknown, values: unknown, callback: QueryCallback) => void).call(
    client,
    config,
    sendable(values),
    callback,
  )
}

export function sendPlain(client: pg.Client, call: Call, done: QueryCallback): void {
  try {
    askPg(client, call, done)
  } catch (error) {
    done(error as Error)
  }
}

export interface Outcome {
  readonly error: Error | null
  readonly result: pg.QueryResult | undefined
}

/** Several statements back to back, each with its own Sync; calls back when all have been answered. */
export function sendPipelined(
  client: pg.Client,
  statements: readonly Asked[],
  answered: (outcomes: readonly Outcome[]) => void,
): void {
  const outcomes: Outcome[] = statements.map(() => ({ error: null, result: undefined }))
  let open = statements.length
  const pipelined = client as unknown as { pipeline: boolean }
  pipelined.pipeline = true
  const close = (index: number, error: Error | null, result?: pg.QueryResult): void => {
    outcomes[index] = { error, result }
    if (--open > 0) return
    pipelined.pipeline = false
    answered(outcomes)
  }
  statements.forEach(({ config, values }, index) => {
    try {
      const callback: QueryCallback = (error, result) => close(index, error, result)
      askPg(client, { config, values }, callback)
    } catch (error) {
      close(index, error as Error)
    }
  })
}
