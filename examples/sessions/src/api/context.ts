// What every route is given.

import type { Auth } from '../auth/auth.ts'
import type { Limits } from '../limits.ts'
import type { SessionsStrata } from '../strata.ts'

export interface ApiContext {
  readonly strata: SessionsStrata
  /** Who asks. */
  readonly auth: Auth
  /** How often. */
  readonly limits: Limits
  /** Addresses of those who work through reports, in lower case. */
  readonly moderators: ReadonlySet<string>
  /** Where people sign in. */
  readonly site: string
}
