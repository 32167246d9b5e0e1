// What every command of an app does: ends at Ctrl-C in order, and tells an error so that a person can act on it.

import cluster from 'node:cluster'
import { StrataError } from 'pgstrata'
import { KitError } from './kit-error.ts'

export type Work = (signal: AbortSignal, atEnd: (close: () => Promise<unknown>) => void) => Promise<void>

/** Of work in parts: throws between two of them. */
export function stopIfAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new KitError('Stopped. What was in by then is kept.')
}

/**
 * Runs `work`, whose signal is aborted by Ctrl-C and SIGTERM; a second Ctrl-C ends the process at once, a second SIGTERM does not: one
 * may come to the whole group and be passed on besides. What was given to `atEnd` is closed when it has ended, however it has, the
 * last one first. An error is told on standard error with what to do, and becomes the exit code.
 */
export async function runCommand(work: Work): Promise<void> {
  const stopping = new AbortController()
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted && signal === 'SIGINT') process.exit(130)
    stopping.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const closing: (() => Promise<unknown>)[] = []
  const failures: unknown[] = []
  const attempt = async (step: () => Promise<unknown>): Promise<void> => {
    try {
      await step()
    } catch (error) {
      failures.push(error)
    }
  }
  await attempt(async () => await work(stopping.signal, (close) => closing.push(close)))
  for (const close of closing.toReversed()) await attempt(close)
  for (const failure of failures) process.stderr.write(`${describeFailure(failure)}\n`)
  const [first] = failures
  if (failures.length > 0) process.exitCode = first instanceof StrataError ? first.exitCode : 1
  process.off('SIGINT', stop)
  process.off('SIGTERM', stop)
  leaveKeeper()
}

/** A line on standard output. */
export function tell(line: string): void {
  process.stdout.write(`${line}\n`)
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
