// Attaches what somebody would look up first to the alert: what it collects, and how, is handed in.

import type { AlertMessage } from '../message.ts'
import type { Action } from './action.ts'

const limitMs = 30_000

/** Undefined: there is nothing to collect it with. */
export type CollectReport = (message: AlertMessage, signal: AbortSignal) => Promise<unknown>

export function createReport(name: string, collect: CollectReport): Action {
  return {
    name,
    hears: ['fired'],
    limitMs,
    waitsMs: [10_000, 60_000],
    isInside: false,
    reachesOut: false,
    run: async (message, { signal }) => ({ kind: 'done', report: await collect(message, signal) }),
  }
}
