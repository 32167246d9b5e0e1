// What alerting is told: rules, what is done about their alerts, and how long things are kept. Complete; the configuration has
// filled in what was left out.

import type { Rule } from '../model/rule.ts'
import type { AlertHook } from './message.ts'

export interface AlertSettings {
  readonly rules: readonly Rule[]
  readonly actions: readonly ActionSettings[]
  /** How often rules are looked at. */
  readonly everyMs: number
  /** Alerts of a group that come within this go out as one message. */
  readonly groupMs: number
  /** How long alerts that are over are kept. */
  readonly historyMs: number
}

export type ActionSettings = WebhookSettings | NotifySettings | JobSettings | HookSettings

export interface WebhookSettings {
  readonly kind: 'webhook'
  readonly name: string
  readonly url: string
  /** Messages are signed with it, by the rules of Standard Webhooks; undefined: they are not. */
  readonly secret: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

export interface NotifySettings {
  readonly kind: 'notify'
  readonly name: string
  readonly channel: string
}

export interface JobSettings {
  readonly kind: 'job'
  readonly name: string
  readonly job: string
}

export interface HookSettings {
  readonly kind: 'hook'
  readonly name: string
  readonly run: AlertHook
}

/** Actions that every rule may name, whatever is declared. */
export const builtInActions = [
  'log',
  'log_and_alert',
  'scale_read_replicas',
  'analyze_missing_indexes',
  'investigate_replication',
] as const
