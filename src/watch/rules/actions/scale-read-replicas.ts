// Asks for more read replicas: a function of the configuration gets the evidence and does it, in whatever way servers are made there.
// Where none is declared, the evidence alone is kept with the alert, and it says so.

import type { AlertHook } from '../message.ts'
import type { Action } from './action.ts'
import type { CollectReport } from './report.ts'

const limitMs = 60_000

export function createScaleReadReplicas(hook: AlertHook | undefined, collect: CollectReport): Action {
  return {
    name: 'scale_read_replicas',
    hears: ['fired'],
    limitMs,
    waitsMs: [30_000, 120_000],
    isInside: false,
    reachesOut: false,
    run: async (message, { signal }) => {
      const evidence = await collect(message, signal)
      if (hook === undefined) {
        const why = 'no function is declared: alerts.actions.scale_read_replicas'
        return { kind: 'done', report: { asked: false, why, evidence } }
      }
      const alerts = message.alerts.map((alert) => ({ ...alert, evidence: { ...alert.evidence, load: evidence } }))
      return { kind: 'done', report: { asked: true, answer: await hook({ ...message, alerts }, { signal }), evidence } }
    },
  }
}
