// Runs a declared job, once an alert fires. Under the job's own lease: where it runs already, that run is what was asked for.

import { isStrataError, messageOf } from '../../../base/errors.ts'
import type { JobSettings } from '../options.ts'
import type { Action } from './action.ts'

export interface JobEnd {
  readonly state: string
  readonly did: string
  readonly failure?: string | null | undefined
}

/** Jobs have limits of their own, which end them before. */
const limitMs = 15 * 60_000

export function createJobAction({ name, job }: JobSettings, runJob: (name: string) => Promise<JobEnd>): Action {
  return {
    name,
    hears: ['fired'],
    limitMs,
    waitsMs: [60_000],
    isInside: false,
    reachesOut: false,
    run: async () => {
      try {
        const { state, did, failure } = await runJob(job)
        return state === 'done'
          ? { kind: 'done', report: { job, did } }
          : { kind: 'failed', failure: failure ?? state, isWorthRetrying: false }
      } catch (error) {
        if (isStrataError(error, 'JOB_BUSY')) return { kind: 'done', report: { job, did: 'it was running already' } }
        return { kind: 'failed', failure: messageOf(error), isWorthRetrying: true }
      }
    },
  }
}
