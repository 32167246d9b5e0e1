// `@opentelemetry/api`, an optional package, when it is first needed.
// On failure: DEPENDENCY_MISSING with the command that installs it.

import { StrataError } from '../base/errors.ts'

export type Api = typeof import('@opentelemetry/api')

const command = 'npm install @opentelemetry/api'

export async function loadApi(): Promise<Api> {
  try {
    return await import('@opentelemetry/api')
  } catch (cause) {
    throw new StrataError('DEPENDENCY_MISSING', {
      message: '@opentelemetry/api is not installed here',
      advice: `Run: ${command}`,
      details: { package: '@opentelemetry/api', command },
      cause,
    })
  }
}
