// What is watched of the servers: the four rules of the original design with its thresholds, and what is done when one fires. How long a value has
// to last, and how far it has to come back, is as the rules of those names come with pgstrata.
//
// - log_and_alert: the statement is attached to the alert, and whoever listens is told: the channel `wedefi_monitoring`, and the address of
//   WEDEFI_MONITOR_WEBHOOK, signed by WEDEFI_MONITOR_SECRET.
// - scale_read_replicas: the load is posted to the address of WEDEFI_SCALE_URL, where somebody makes a replica: a function of the cloud that the
//   servers are in. What it answers is kept with the alert. It may be asked again for the same alert, with the same `webhook-id`. Without an
//   address the load alone is kept, and that nobody was asked.
// - analyze_missing_indexes, investigate_replication: what was found is attached.

import type { AlertHook, AlertMessage } from 'pgstrata'
import { KitError, type Environment } from 'pgstrata-example-kit'

export const monitoringRules = {
  SlowQueryDetected: { over: '5s', actions: ['log_and_alert'] },
  HighConnectionCount: { over: 80, actions: ['scale_read_replicas'] },
  IndexScanEfficiency: { under: '95%', actions: ['analyze_missing_indexes'] },
  ReplicationLag: { over: '1s', actions: ['investigate_replication'] },
}

type Action =
  | { readonly notify: string }
  | { readonly webhook: string; readonly secret?: string }
  | { readonly run: AlertHook }

export function monitoringActions(env: Environment): Record<string, Action> {
  const webhook = addressOf(env, 'WEDEFI_MONITOR_WEBHOOK')
  const secret = env['WEDEFI_MONITOR_SECRET'] ?? ''
  return {
    listeners: { notify: 'wedefi_monitoring' },
    ...(webhook === undefined ? {} : { oncall: { webhook, ...(secret === '' ? {} : { secret }) } }),
    scale_read_replicas: { run: async (message, { signal }) => await scaleReadReplicas(message, { env, signal }) },
  }
}

const mostAnswer = 4_000

/** Answers what is kept with the alert. */
async function scaleReadReplicas(
  message: AlertMessage,
  { env, signal }: { readonly env: Environment; readonly signal: AbortSignal },
): Promise<object> {
  const [alert] = message.alerts
  const url = addressOf(env, 'WEDEFI_SCALE_URL')
  if (url === undefined) return { made: null, why: 'WEDEFI_SCALE_URL names nobody who makes replicas' }
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'webhook-id': message.id },
    body: JSON.stringify({ active: alert?.value, threshold: alert?.threshold, load: alert?.evidence['load'] }),
    redirect: 'error',
    signal,
  })
  const text = (await response.text()).slice(0, mostAnswer)
  if (!response.ok) throw new KitError(`WEDEFI_SCALE_URL: expected an answer of 200 to 299, got ${response.status}`)
  return { status: response.status, answer: readAnswer(text) }
}

function readAnswer(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function addressOf(env: Environment, name: string): string | undefined {
  const url = env[name] ?? ''
  if (url === '') return undefined
  if (/^https?:\/\//.test(url)) return url
  throw new KitError(`${name}: expected an address that begins with http`)
}
