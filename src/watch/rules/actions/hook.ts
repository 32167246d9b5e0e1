// Calls a function of the configuration with the message. It hears of beginnings and ends; what it gives back is kept with the alert.

import type { HookSettings } from '../options.ts'
import type { Action } from './action.ts'

const limitMs = 30_000

export function createHook({ name, run }: HookSettings): Action {
  return {
    name,
    hears: ['fired', 'resolved'],
    limitMs,
    waitsMs: [5_000, 60_000],
    isInside: false,
    reachesOut: true,
    run: async (message, { signal }) => ({ kind: 'done', report: await run(message, { signal }) }),
  }
}
