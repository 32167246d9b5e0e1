// `@opentelemetry/api`, an optional package, when it is first needed.

import { loadOptional } from '../base/load-optional.ts'

export type Api = typeof import('@opentelemetry/api')

export async function loadApi(): Promise<Api> {
  const name = '@opentelemetry/api'
  return await loadOptional({ name, command: `npm install ${name}` }, () => import('@opentelemetry/api'))
}
