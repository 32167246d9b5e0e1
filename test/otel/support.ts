// What the tests of OpenTelemetry share: a primary with a replica, a pool over both, and the real SDK with exporters that
// keep what they are given.

import { context, type Context, type ContextManager, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  type MetricData,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import type { StrataPoolConfig } from '../../src/db/pool/options.ts'
import { StrataPool } from '../../src/db/pool/strata-pool.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { instrument, type InstrumentOptions } from '../../src/otel/index.ts'
import { waitUntil } from '../support/wait.ts'

/** In a file: one cluster with one replica. Each pool is ended with its test. */
export function usePools(): {
  cluster(): EmbeddedCluster
  /** Over both; started, and its reads go to the replica. */
  open(config?: StrataPoolConfig): Promise<StrataPool>
} {
  let started: EmbeddedCluster | undefined
  beforeAll(async () => {
    started = await startCluster({ inMemory: true, replicas: 1 })
  })
  afterAll(() => started?.stop())
  const cluster = (): EmbeddedCluster => {
    if (started === undefined) throw new Error('The cluster is there only inside tests and hooks')
    return started
  }
  const open = async (config: StrataPoolConfig = {}): Promise<StrataPool> => {
    const { primary, replicas } = cluster()
    const pool = new StrataPool({
      connectionString: primary.url(),
      replicas: replicas.map((replica) => ({ connectionString: replica.url(), maxLag: '1h' })),
      ...config,
    })
    onTestFinished(() => pool.end())
    await pool.start()
    await waitUntil(() => pool.nodes().length === 1 || pool.explainRouting('select 1').node === 'replica-1', {
      what: 'reads to go to the replica',
    })
    return pool
  }
  return { cluster, open }
}

export interface Observed {
  /** Ended ones, in the order of their ends. */
  readonly spans: () => readonly ReadableSpan[]
  readonly metrics: () => Promise<readonly MetricData[]>
  readonly disable: () => void
  /** Runs `work` in a span of its own. */
  readonly within: <T>(name: string, work: (span: Span) => Promise<T>) => Promise<T>
}

/** An instrumentation with an SDK of its own; both end with the test. */
export async function observe(options: InstrumentOptions = {}): Promise<Observed> {
  const spanExporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] })
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const instrumentation = await instrument({ tracerProvider, meterProvider, ...options })
  onTestFinished(async () => {
    instrumentation.disable()
    await tracerProvider.shutdown()
    await meterProvider.shutdown()
  })
  return {
    spans: () =>
      spanExporter.getFinishedSpans().filter(({ instrumentationScope }) => instrumentationScope.name === 'pgstrata'),
    metrics: async () => {
      metricExporter.reset()
      await reader.forceFlush()
      return metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    },
    disable: () => instrumentation.disable(),
    within: async (name, work) => {
      const span = tracerProvider.getTracer('the application').startSpan(name)
      try {
        return await context.with(trace.setSpan(ROOT_CONTEXT, span), () => work(span))
      } finally {
        span.end()
      }
    },
  }
}

/** As an application has it: the active context follows its promises and callbacks. Until the end of the file. */
export function useActiveContext(): void {
  const storage = new AsyncLocalStorage<Context>()
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, thisArg, ...args) => storage.run(active, () => work.apply(thisArg as never, args)),
    bind: (active, target) =>
      typeof target === 'function'
        ? (((...args: unknown[]) =>
            storage.run(active, () => (target as (...all: unknown[]) => unknown)(...args))) as typeof target)
        : target,
    enable: () => manager,
    disable: () => manager,
  }
  beforeAll(() => {
    context.setGlobalContextManager(manager)
  })
  afterAll(() => context.disable())
}

/** The value of one series. */
export function valueOf(
  metrics: readonly MetricData[],
  name: string,
  attributes: Readonly<Record<string, string | number>>,
): unknown {
  const points = metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []
  const wanted = Object.entries(attributes)
  return points.find((point) => wanted.every(([key, value]) => point.attributes[key] === value))?.value
}
