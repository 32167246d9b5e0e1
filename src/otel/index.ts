// pgstrata/otel: spans and metrics of OpenTelemetry for what a StrataPool does.

export { instrument, type InstrumentOptions, type Instrumentation } from './instrument.ts'
export type { ObservedPool } from './pools.ts'
export type { QueryTrace } from '../db/pool/telemetry.ts'
