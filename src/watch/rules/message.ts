// What is said about alerts to whoever is told: the same facts to a webhook, to NOTIFY, to a function and to the log.

import type { Severity } from '../model/rule.ts'

export type AlertEvent = 'fired' | 'resolved'

/** Times are of ISO 8601. */
export interface AlertFacts {
  readonly id: string
  readonly rule: string
  readonly severity: Severity
  readonly node: string
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number | null
  /** The value furthest beyond the threshold. */
  readonly worst: number | null
  readonly threshold: number | null
  readonly summary: string
  readonly beganAt: string
  readonly firedAt: string | null
  readonly resolvedAt: string | null
  readonly evidence: Readonly<Record<string, unknown>>
}

/** Alerts of one group, of one event, for one action. The id is the same in every try. */
export interface AlertMessage {
  readonly id: string
  readonly event: AlertEvent
  readonly group: string
  readonly action: string
  readonly at: string
  readonly alerts: readonly AlertFacts[]
}

/** A function of the configuration. What it gives back is kept with the alert, up to 8 kB of JSON. */
export type AlertHook = (message: AlertMessage, tools: { readonly signal: AbortSignal }) => Promise<unknown>

/** In JSON there are no infinities. */
export function numberOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

const mostReportBytes: number = 8 * 1_024

/** As JSON that a database takes, bounded: what is longer is cut, and says so. */
export function boundReport(report: unknown): string | null {
  if (report === undefined) return null
  const text = toJson(report)
  if (Buffer.byteLength(text) <= mostReportBytes) return text
  return toJson({ cut: true, text: text.slice(0, mostReportBytes / 4) })
}

function toJson(report: unknown): string {
  try {
    return JSON.stringify(report, (_, value: unknown) => clean(value)) ?? 'null'
  } catch {
    return JSON.stringify({ cut: true, text: 'what was reported is no JSON' })
  }
}

/** jsonb has no zero character and no half of a surrogate pair, in keys neither. */
function clean(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return cleanText(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  if (Object.keys(value).every((key) => cleanText(key) === key)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [cleanText(key), one as unknown]))
}

function cleanText(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, '\uFFFD').replaceAll('\0', '')
}
