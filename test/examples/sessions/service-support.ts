// The app's service on a port of its own, on a database as deployed.

import { usualLimits, type LimitChoice } from '../../../examples/sessions/src/limits.ts'
import { openService, type Service, type ServiceOptions } from '../../../examples/sessions/src/service.ts'
import type { SessionsConfig } from '../../../examples/sessions/src/strata.ts'
import { useServed, type Served } from '../support/served.ts'
import { template, testConfig } from './support.ts'

export { ask, type Answer, type Asked } from '../support/ask.ts'
export { deploySessions, template, testConfig } from './support.ts'

export const manageToken = 'a token that may manage'.replaceAll(' ', '-')

/** Tokens that several processes of a test are to know. */
export const secret = 'a secret that is long enough to sign with'

/** Tests come from one address, as many. */
export const generous: LimitChoice = Object.fromEntries(
  Object.keys(usualLimits).map((name) => [name, { limit: 1_000_000, window: '1 min' }]),
) as unknown as LimitChoice

/** In a file: one database and one service for all its tests. */
export function useService(
  given: Partial<ServiceOptions> = {},
  configure: (resolved: SessionsConfig) => SessionsConfig = (resolved) => resolved,
): () => Served<Service> {
  return useServed({
    template,
    open: async ({ url, log }) =>
      await openService({
        config: configure(testConfig({ url, manageTokens: [manageToken] })),
        port: 0,
        background: false,
        secret,
        limits: generous,
        log,
        ...given,
      }),
  })
}
