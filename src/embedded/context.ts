// What the parts of one cluster share. Made once in cluster.ts, never changed.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Binaries } from './binaries.ts'
import type { RunUser } from './host.ts'
import type { Settings } from './settings.ts'

export interface Context {
  readonly binaries: Binaries
  readonly user: RunUser | undefined
  readonly root: string
  readonly kept: boolean
  /** The folder asked for knows nothing of the data found: it is put aside. */
  readonly forsaken: boolean
  /** What is there is thrown away. */
  readonly reset: boolean
  readonly durable: boolean
  /** The database that URLs lead to where none is named. */
  readonly database: string
  /** The settings that all nodes share. */
  readonly shared: Settings
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}
