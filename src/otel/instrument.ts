// OpenTelemetry for every StrataPool of the process, from the call on until disable().
// Promises: a query never notices. What a tracer, a meter or an exporter throws goes to OpenTelemetry's own `diag`; outside
// of that it would end the process, which is what node:diagnostics_channel does with an error of a subscriber.
// What is under way at disable() still gets its end. Each call is an instrumentation of its own.

import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { messageOf } from '../base/errors.ts'
import { queryEndChannel, queryStartChannel, type QueryTrace } from '../db/pool/telemetry.ts'
import { loadApi, type Api } from './load-api.ts'
import { observePools, type ObservedPool } from './pools.ts'
import { Statements } from './statements.ts'

export interface InstrumentOptions {
  /** Whose connections, waits and lag are measured. Statements are told of without it, those of all pools. */
  readonly pool?: ObservedPool | readonly ObservedPool[]
  /** Default: the one that is registered with OpenTelemetry. */
  readonly tracerProvider?: TracerProvider
  /** Default: the one that is registered with OpenTelemetry, at the time of the call. */
  readonly meterProvider?: MeterProvider
  /** Whether spans carry the text of the statement, without its values: `db.query.text`. Default true. */
  readonly captureText?: boolean
}

export interface Instrumentation {
  /** May be called again. */
  disable(): void
}

const scope = 'pgstrata'

export async function instrument(options: InstrumentOptions = {}): Promise<Instrumentation> {
  const api = await loadApi()
  const tracer = (options.tracerProvider ?? api.trace).getTracer(scope)
  const meter = (options.meterProvider ?? api.metrics).getMeter(scope)
  const statements = new Statements({ api, tracer, meter, captureText: options.captureText ?? true })
  const forgetPools = observePools(meter, listOf(options.pool))
  const disableStatements = listen(api, statements)
  let isDisabled = false
  return {
    disable: () => {
      if (isDisabled) return
      isDisabled = true
      forgetPools()
      disableStatements()
    },
  }
}

/** Returns what ends it: no statement is begun any more, and the last one to end ends the rest. */
function listen(api: Api, statements: Statements): () => void {
  let isEnding = false
  const onStart = guard(api, (trace) => statements.begin(trace))
  const finish = guard(api, (trace) => statements.end(trace))
  const onEnd = (message: unknown): void => {
    if (!isEnding || statements.has(message as QueryTrace)) finish(message)
    if (isEnding && statements.underWay === 0) unsubscribe(queryEndChannel, onEnd)
  }
  subscribe(queryStartChannel, onStart)
  subscribe(queryEndChannel, onEnd)
  return () => {
    isEnding = true
    unsubscribe(queryStartChannel, onStart)
    if (statements.underWay === 0) unsubscribe(queryEndChannel, onEnd)
  }
}

function guard(api: Api, work: (trace: QueryTrace) => void): (message: unknown) => void {
  return (message) => {
    try {
      work(message as QueryTrace)
    } catch (error) {
      complain(api, error)
    }
  }
}

function complain(api: Api, error: unknown): void {
  try {
    api.diag.error(`pgstrata: a statement could not be told of: ${messageOf(error)}`)
  } catch {
    // The application's own logger.
  }
}

function listOf(pool: InstrumentOptions['pool']): readonly ObservedPool[] {
  if (pool === undefined) return []
  return 'stats' in pool ? [pool] : pool
}
