// One answer of one probe, as whoever keeps it is told.

import type { LatestReading } from '../model/latest.ts'
import type { Reading } from '../model/server-probe.ts'

export interface Taken extends LatestReading {
  /** Of the answer; what was not answered has none. */
  readonly reading: Reading | undefined
  /** Seconds since the answer before, of counters: what was added is this times `perSecond`. */
  readonly elapsedSeconds: number | undefined
}

export type OnTaken = (taken: Taken) => void
