// Every alert is in the log: critical ones and warnings as warnings, the rest as information. Whoever runs the daemon hears of it too.

import type { Logger } from '../../../base/logger.ts'
import type { AlertMessage } from '../message.ts'
import type { Action } from './action.ts'

export function createLogAction(logger: Logger, onAlert?: (message: AlertMessage) => void): Action {
  return {
    name: 'log',
    hears: ['fired', 'resolved'],
    limitMs: 5_000,
    waitsMs: [],
    isInside: false,
    reachesOut: true,
    run: (message) => {
      const { event, alerts } = message
      for (const { id, rule, severity, node, labels, value, summary } of alerts) {
        const fields = { alert: id, rule, severity, node, labels, value }
        const isLoud = event === 'fired' && severity !== 'info'
        if (isLoud) logger.warn(`Alert ${rule}: ${summary}`, fields)
        else logger.info(event === 'fired' ? `Alert ${rule}: ${summary}` : `Alert ${rule} is over`, fields)
      }
      onAlert?.(message)
      return Promise.resolve({ kind: 'done' })
    },
  }
}
