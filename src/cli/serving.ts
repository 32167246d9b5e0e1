// What `serve` and `dev` have in common: HTTP where it is wanted, what is said of alerts, and staying until somebody ends it.

import { systemClock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { createServer, type StrataServer } from '../server/index.ts'
import type { Strata } from '../strata.ts'
import type { AlertEvent, AlertFacts } from '../watch/index.ts'
import { paint, type CliContext } from './context.ts'

export interface HttpOptions {
  readonly port?: string
  readonly host?: string
  readonly http?: boolean
}

/** undefined: nobody wants it. */
export async function openHttp(strata: Strata, { port, host, http }: HttpOptions): Promise<StrataServer | undefined> {
  const isWanted = strata.config.server !== undefined || port !== undefined || host !== undefined
  if (http === false || !isWanted) return undefined
  return await createServer(strata, {
    ...(port === undefined ? {} : { port: parsePort(port) }),
    ...(host === undefined ? {} : { host }),
  })
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new StrataError('USAGE', { message: '--port', expected: 'a number from 0 to 65535', got: text })
}

export function stamp(): string {
  return new Date(systemClock.now()).toISOString()
}

export function describeAlert(context: CliContext, event: AlertEvent, { rule, severity, summary }: AlertFacts): string {
  if (event === 'resolved') return `alert ${rule}: ${paint(context, 'green', 'over')}: ${summary}`
  return `alert ${rule}: ${paint(context, severity === 'info' ? 'cyan' : 'red', severity)}: ${summary}`
}

/** A sleep keeps the process alive; everything else here waits without doing so. */
export async function untilStopped(context: CliContext): Promise<void> {
  while (!context.signal.aborted) await systemClock.sleep(60_000, context.signal).catch(() => undefined)
}
