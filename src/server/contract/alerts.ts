// What the server answers of alerts, and what it takes about them.

import {
  anything,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  text,
  time,
  whole,
  type ObjectShape,
  type Shape,
} from '../shape.ts'

export interface AlertAnswer {
  readonly id: string
  readonly rule: string
  readonly node: string
  /** The labels of what it is about, as a JSON list. */
  readonly series: string
  readonly severity: 'info' | 'warning' | 'critical'
  readonly state: 'pending' | 'firing' | 'resolved'
  /** null: not a number. */
  readonly value: number | null
  readonly summary: string
  readonly beganAt: string
  readonly firedAt: string | null
  readonly resolvedAt: string | null
  readonly evidence: Readonly<Record<string, unknown>>
  /** What was done about it, and what came of that. */
  readonly actions: readonly unknown[]
}

export interface SilenceAnswer {
  readonly id: string
  /** null: of all. */
  readonly rule: string | null
  readonly node: string | null
  readonly series: string | null
  readonly until: string
  readonly reason: string
  readonly madeBy: string
}

export interface AlertsAnswer {
  readonly alerts: readonly AlertAnswer[]
  readonly silences: readonly SilenceAnswer[]
}

export interface AlertHistoryQuery {
  readonly limit?: number
  readonly rule?: string
}

export interface AlertHistoryAnswer {
  readonly alerts: readonly AlertAnswer[]
}

export interface SilenceRequest {
  readonly rule?: string
  readonly node?: string
  readonly series?: string
  /** At most a year. */
  readonly minutes: number
  readonly reason: string
}

export interface Silenced {
  readonly id: string
}

export interface RulesAnswer {
  readonly rules: readonly {
    readonly name: string
    readonly severity: 'info' | 'warning' | 'critical'
    readonly metric: string
    /** By label, any of these. */
    readonly where: Readonly<Record<string, readonly string[]>>
    readonly over: number | null
    readonly under: number | null
    readonly clear: number
    readonly forMs: number
    readonly keepMs: number
    readonly actions: readonly string[]
    readonly summary: string
    readonly group: string
  }[]
}

const alertShape: Shape<AlertAnswer> = object<AlertAnswer>({
  id: text(),
  rule: text(),
  node: text(),
  series: text(),
  severity: oneOf('info', 'warning', 'critical'),
  state: oneOf('pending', 'firing', 'resolved'),
  value: nullable(number()),
  summary: text(),
  beganAt: time(),
  firedAt: nullable(time()),
  resolvedAt: nullable(time()),
  evidence: record(anything()),
  actions: list(anything()),
})

export const alertsShape: Shape<AlertsAnswer> = object<AlertsAnswer>({
  alerts: list(alertShape),
  silences: list(
    object<SilenceAnswer>({
      id: text(),
      rule: nullable(text()),
      node: nullable(text()),
      series: nullable(text()),
      until: time(),
      reason: text(),
      madeBy: text(),
    }),
  ),
})

const name = text({ least: 1, most: 500 })

export const alertHistoryQueryShape: ObjectShape<AlertHistoryQuery> = object<AlertHistoryQuery>({
  limit: optional(whole({ least: 1, most: 500 })),
  rule: optional(name),
})

export const alertHistoryShape: Shape<AlertHistoryAnswer> = object<AlertHistoryAnswer>({ alerts: list(alertShape) })

export const silenceRequestShape: ObjectShape<SilenceRequest> = object<SilenceRequest>({
  rule: optional(name),
  node: optional(name),
  series: optional(name),
  minutes: whole({ least: 1, most: 525_600 }),
  reason: text({ least: 1, most: 500 }),
})

export const silencedShape: Shape<Silenced> = object<Silenced>({ id: text() })

export const rulesShape: Shape<RulesAnswer> = object<RulesAnswer>({
  rules: list(
    object<RulesAnswer['rules'][number]>({
      name: text(),
      severity: oneOf('info', 'warning', 'critical'),
      metric: text(),
      where: record(list(text())),
      over: nullable(number()),
      under: nullable(number()),
      clear: number(),
      forMs: number(),
      keepMs: number(),
      actions: list(text()),
      summary: text(),
      group: text(),
    }),
  ),
})
