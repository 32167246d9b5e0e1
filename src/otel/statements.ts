// Each statement as a span and as a measured duration. A span has the caller's active context for its parent, and begins and
// ends when the pool says so, not when it is heard of.
// State: the spans of the statements under way.

import type { Counter, Histogram, Meter, Span, Tracer } from '@opentelemetry/api'
import type { QueryTrace } from '../db/pool/telemetry.ts'
import { beginningOf, errorTypeOf, operationOf, outcomeOf, particularsOf } from './attributes.ts'
import type { Api } from './load-api.ts'

export interface StatementOptions {
  readonly api: Api
  readonly tracer: Tracer
  readonly meter: Meter
  readonly captureText: boolean
}

/** As the conventions recommend, in seconds. */
const durationBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

export class Statements {
  readonly #options: StatementOptions
  readonly #spans = new Map<QueryTrace, Span>()
  readonly #durations: Histogram
  readonly #retries: Counter

  constructor(options: StatementOptions) {
    this.#options = options
    this.#durations = options.meter.createHistogram('db.client.operation.duration', {
      description: 'Duration of database client operations.',
      unit: 's',
      advice: { explicitBucketBoundaries: durationBuckets },
    })
    this.#retries = options.meter.createCounter('pgstrata.query.retries', {
      description: 'Nodes that statements were tried on in vain.',
      unit: '{retry}',
    })
  }

  get underWay(): number {
    return this.#spans.size
  }

  has(trace: QueryTrace): boolean {
    return this.#spans.has(trace)
  }

  begin(trace: QueryTrace): void {
    const { api, tracer, captureText } = this.#options
    const span = tracer.startSpan(
      operationOf(trace.text) ?? 'postgresql',
      {
        kind: api.SpanKind.CLIENT,
        startTime: trace.startedAtMs,
        attributes: beginningOf(trace, captureText),
      },
      api.context.active(),
    )
    this.#spans.set(trace, span)
  }

  end(trace: QueryTrace): void {
    const span = this.#spans.get(trace)
    this.#spans.delete(trace)
    const outcome = outcomeOf(trace)
    if (span !== undefined) {
      this.#finish(span, trace)
      span.setAttributes(outcome)
      span.end(trace.startedAtMs + (trace.durationMs ?? 0))
    }
    this.#durations.record((trace.durationMs ?? 0) / 1_000, outcome)
    if (trace.retries > 0) this.#retries.add(trace.retries, { 'pgstrata.route': trace.route })
  }

  #finish(span: Span, trace: QueryTrace): void {
    const { api } = this.#options
    const names = [operationOf(trace.text), trace.database].filter((name) => name !== undefined)
    if (names.length > 0) span.updateName(names.join(' '))
    span.setAttributes(particularsOf(trace))
    const errorType = errorTypeOf(trace)
    // Without the error's message: the server quotes values in it.
    if (errorType !== undefined) span.setStatus({ code: api.SpanStatusCode.ERROR, message: errorType })
  }
}
