// An instrumentation comes and goes without a query noticing: several of them, ended twice, ended in the middle of a
// statement, over tracers that throw, and without the package.

import { diag, DiagLogLevel, trace, type Tracer } from '@opentelemetry/api'
import { channel } from 'node:diagnostics_channel'
import { cp, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { loadModule } from '../../src/base/load-module.ts'
import { instrument } from '../../src/otel/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { waitUntil } from '../support/wait.ts'
import { observe, usePools } from './support.ts'

const pools = usePools()
const root = fileURLToPath(new URL('../..', import.meta.url))

const isHeard = (): boolean =>
  channel('pgstrata:query:start').hasSubscribers || channel('pgstrata:query:end').hasSubscribers

test('several at once each tell of everything; ended ones of nothing, and nobody listens after the last', async () => {
  const pool = await pools.open()
  const first = await observe({ pool })
  const second = await observe({ pool })
  await pool.query('select 1')
  first.disable()
  first.disable()
  await pool.query('select 2')
  expect(first.spans()).toHaveLength(1)
  expect(second.spans()).toHaveLength(2)
  expect(isHeard()).toBe(true)
  expect(await first.metrics()).toSatisfy(
    (metrics: readonly { dataPoints: readonly unknown[]; descriptor: { name: string } }[]) =>
      metrics.every(
        ({ dataPoints, descriptor }) => descriptor.name === 'db.client.operation.duration' || dataPoints.length === 0,
      ),
  )
  second.disable()
  expect(isHeard()).toBe(false)
  await pool.query('select 3')
  expect(second.spans()).toHaveLength(2)
})

test('a statement under way at disable() gets its end, a later one is not told of', async () => {
  const pool = await pools.open()
  const { spans, disable } = await observe()
  const running = pool.query('select pg_sleep(0.2)')
  disable()
  await pool.query('select 2')
  expect(spans()).toHaveLength(0)
  await running
  expect(spans().map(({ attributes }) => attributes['db.query.text'])).toEqual(['select pg_sleep(0.2)'])
  expect(isHeard()).toBe(false)
})

test('a tracer that throws, at the beginning or at the end, reaches diag and no query', async () => {
  const told: string[] = []
  const nothing = (): void => undefined
  const logger = { error: (text: string) => void told.push(text), warn: nothing, info: nothing, debug: nothing }
  diag.setLogger({ ...logger, verbose: nothing }, DiagLogLevel.ERROR)
  onTestFinished(() => diag.disable())
  const pool = await pools.open()
  const broken = trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 })
  broken.end = () => {
    throw new Error('no end')
  }
  const tracers: Tracer[] = [
    { startSpan: () => broken, startActiveSpan: () => undefined as never },
    {
      startSpan: () => {
        throw new Error('no start')
      },
      startActiveSpan: () => undefined as never,
    },
  ]
  for (const tracer of tracers) {
    const instrumentation = await instrument({ tracerProvider: { getTracer: () => tracer } })
    expect((await pool.query<{ n: number }>('select 1 as n')).rows).toEqual([{ n: 1 }])
    instrumentation.disable()
  }
  // An error in a subscriber ends the process in the tick after: by then it would have.
  await waitUntil(() => told.length >= 2, { what: 'both complaints' })
  expect(told).toEqual([expect.stringContaining('no end'), expect.stringContaining('no start')])
})

test('without any SDK nothing happens', async () => {
  const pool = await pools.open()
  const instrumentation = await instrument({ pool })
  expect((await pool.query<{ n: number }>('select 1 as n')).rows).toEqual([{ n: 1 }])
  instrumentation.disable()
})

test('without the package: DEPENDENCY_MISSING and the command', async () => {
  const folder = await temporaryFolder()
  for (const part of ['base', 'sql', 'db', 'otel']) {
    await cp(join(root, 'src', part), join(folder, 'src', part), { recursive: true })
  }
  await cp(join(root, 'node_modules/pg'), join(folder, 'node_modules/pg'), { recursive: true })
  for (const name of ['pg-connection-string', 'pg-pool', 'pg-protocol', 'pg-types', 'pgpass', 'libpg-query']) {
    await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  }
  const elsewhere = (await loadModule(join(folder, 'src/otel/index.ts'))) as { instrument: typeof instrument }
  await expect(elsewhere.instrument()).rejects.toMatchObject({
    code: 'DEPENDENCY_MISSING',
    message: '@opentelemetry/api is not installed here',
    advice: 'Run: npm install @opentelemetry/api',
  })
})
