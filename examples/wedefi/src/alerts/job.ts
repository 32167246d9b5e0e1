// Evaluating alerts, and telling of their events, as two jobs of pgstrata: a receiver that is slow keeps no alert from firing.
// WEDEFI_ALERT_WEBHOOK is where events are posted, WEDEFI_ALERT_SECRET signs them. Without an address they go to the log.

import type { JobContext, JobOutcome, Logger } from 'pgstrata'
import { KitError, type Environment } from 'pgstrata-example-kit'
import { deliverEvents } from './deliver.ts'
import { evaluateAlerts } from './evaluate.ts'
import { createLogSender, createWebhook, type Send } from './sender.ts'

export async function alertsJob({ db, signal, confirm }: JobContext): Promise<JobOutcome> {
  const evaluated = await evaluateAlerts(db, { signal, confirm })
  const { fired, rearmed } = evaluated
  if (fired + rearmed === 0) return { did: '' }
  return { did: `${fired} fired, ${rearmed} armed again`, details: { ...evaluated } }
}

export async function deliveriesJob({ db, signal, logger }: JobContext): Promise<JobOutcome> {
  const { delivered, failed, givenUp } = await deliverEvents(db, { send: senderFrom(process.env, logger), signal })
  if (delivered + failed + givenUp === 0) return { did: '' }
  const did = `${delivered} told, ${failed} to be told again`
  return givenUp === 0 ? { did } : { did, warnings: [`${givenUp} given up: see "AlertEvent".failure`] }
}

function senderFrom(env: Environment, logger: Pick<Logger, 'info'>): Send {
  const url = env['WEDEFI_ALERT_WEBHOOK'] ?? ''
  if (url === '') return createLogSender(logger)
  if (!/^https?:\/\//.test(url)) throw new KitError('WEDEFI_ALERT_WEBHOOK: expected an address that begins with http')
  const secret = env['WEDEFI_ALERT_SECRET']
  return createWebhook({ url, ...(secret === undefined || secret === '' ? {} : { secret }) })
}
