// The client's own bound on a query: when it passes, the query is cancelled on the server, and the connection is free again
// once both have ended, the query and the request to cancel it, which must not hit whatever runs there next.
// A server that does not even answer the request is left: its connection is cut.

import type pg from 'pg'
import type { Clock } from '../../../base/clock.ts'
import type { Deadlines } from '../../../base/deadlines.ts'
import { StrataError } from '../../../base/errors.ts'
import { formatDuration } from '../../../base/units.ts'
import { cancelRunning } from './cancel.ts'
import { findLink } from '../cluster/link.ts'
import type { RunDone } from './run-statement.ts'

export interface TimeoutTools {
  readonly clock: Clock
  readonly deadlines: Deadlines
}

const graceMs = 2_000

/** What to give as `done` to what runs on `client`. */
export function withTimeout(client: pg.Client, timeoutMs: number, tools: TimeoutTools, done: RunDone): RunDone {
  if (timeoutMs <= 0) return done
  let cancelling: Promise<boolean> | undefined
  let stopGrace: (() => void) | undefined
  const deadline = tools.deadlines.add(timeoutMs, () => {
    cancelling = cancelRunning(client, tools.clock)
    stopGrace = tools.clock.after(graceMs, () => client.connection.stream.destroy())
  })
  return (error, result, elsewhere) => {
    tools.deadlines.remove(deadline)
    if (cancelling === undefined) return done(error, result, elsewhere)
    stopGrace?.()
    void cancelling.then((isDealtWith) => {
      // A request that is still on its way must not find another query there.
      if (!isDealtWith) closeNow(client)
      // One that was through before the request came keeps its result.
      done(error === null ? null : timedOut(timeoutMs, error), result, elsewhere)
    })
  }
}

/** Its socket tells of the end only later: until then it looks as if it could be used again. */
function closeNow(client: pg.Client): void {
  const link = findLink(client)
  if (link !== undefined) link.isStale = true
  client.connection.stream.destroy()
}

function timedOut(timeoutMs: number, cause: Error): StrataError {
  return new StrataError('QUERY_TIMEOUT', {
    message: `Query read timeout: no answer within ${formatDuration(timeoutMs)}; it was cancelled on the server`,
    details: { timeoutMs },
    cause,
  })
}
