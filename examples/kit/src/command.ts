// What every command of an app does: ends at Ctrl-C in order, and tells an error so that a person can act on it.

import cluster from 'node:cluster'
import { StrataError } from 'pgstrata'
import { KitError } from './kit-error.ts'

/**
 * Runs `work`, whose signal is aborted by Ctrl-C and SIGTERM; a second Ctrl-C ends the process at once, a second SIGTERM does not: one may come
 * to the whole group and be passed on besides. An error is told on standard
 * error with what to do, and becomes the exit code.
 */
export async function runCommand(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stopping = new AbortController()
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted && signal === 'SIGINT') process.exit(130)
    stopping.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    await work(stopping.signal)
  } catch (error) {
    process.stderr.write(`${describeFailure(error)}\n`)
    process.exitCode = error instanceof StrataError ? error.exitCode : 1
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
    leaveKeeper()
  }
}

/**
 * In a service the keeper hands over connections, and one that is on its way to a process that ends would hang for ever. So the
 * process first says that it leaves, gives back what still comes, and ends when the keeper has heard of it.
 */
function leaveKeeper(): void {
  const { worker } = cluster
  if (worker === undefined) return
  worker.once('disconnect', () => process.exit())
  worker.disconnect()
}

export function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** What failed and, where that is known, what to do. */
export function describeFailure(error: unknown): string {
  if (error instanceof StrataError) return [error.message, ...error.notes, `→ ${error.advice}`].join('\n')
  if (error instanceof KitError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
