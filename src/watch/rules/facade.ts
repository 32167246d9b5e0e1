// Alerts as one object: what a program, the command and the server can ask. Nothing connects before it is asked to.

import type { Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import type { Db } from '../../db/db.ts'
import { labelsOf } from '../model/metric.ts'
import type { Rule } from '../model/rule.ts'
import { readOpen, readPastAlerts, type AlertRecord } from './history.ts'
import { knownMetrics } from './known-metrics.ts'
import { fitsLabels, namedLabels } from './look.ts'
import { numberOrNull } from './message.ts'
import { hintOf } from './nearest.ts'
import { readPast, type ReadPast } from './past.ts'
import { replay } from './replay.ts'
import { addSilence, endSilence, readSilences, type NewSilence } from './silences.ts'

/** undefined, or null where it is told: all. */
export interface SilenceRecord {
  readonly id: string
  readonly rule: string | null
  readonly node: string | null
  readonly series: string | null
  readonly until: string
  readonly reason: string
  readonly madeBy: string
  readonly madeAt: string
}

interface TrialSpan {
  readonly fromMs: number
  readonly toMs: number
}

/** What a rule would have done. */
export interface Trial {
  readonly rule: string
  readonly from: string
  readonly to: string
  /** How many there were to judge by. */
  readonly readings: number
  readonly series: number
  readonly alerts: readonly {
    readonly node: string
    readonly labels: Readonly<Record<string, string>>
    readonly beganAt: string
    readonly firedAt: string
    /** null: it had not ended by then. */
    readonly resolvedAt: string | null
    readonly worst: number | null
    readonly lastedMs: number
  }[]
}

export interface Alerts {
  readonly rules: readonly Rule[]
  /** Those that stand, pending ones too: the gravest first. */
  open(): Promise<readonly AlertRecord[]>
  /** Those that have fired, the newest first. */
  history(asked?: { readonly limit?: number; readonly rule?: string | undefined }): Promise<readonly AlertRecord[]>
  silences(): Promise<readonly SilenceRecord[]>
  /** Until then nothing is done about alerts of that rule, node and series; what is left out stands for all. */
  silence(wanted: NewSilence): Promise<{ readonly id: string }>
  /** Whether there was one. */
  unsilence(id: string): Promise<boolean>
  /** What a declared rule, or any other, would have done between two times. */
  tryRule(rule: string | Rule, span: TrialSpan): Promise<Trial>
}

export interface AlertsOptions {
  readonly db: Db
  readonly rules: readonly Rule[]
  /** How long every minute is kept; what is older is kept by hour. Default: all of it by minute. */
  readonly rawMs?: number | undefined
  /** How often a metric is read. */
  readonly everyMs?: ((metric: string) => number | undefined) | undefined
  readonly clock: Clock
}

const usualLimit = 50

export function createAlerts({ db, rules, clock, rawMs, everyMs }: AlertsOptions): Alerts {
  const read: ReadPast = (span) =>
    readPast(db, span, {
      hoursUntilMs: rawMs === undefined ? undefined : clock.now() - rawMs,
      everyMs: everyMs?.(span.metric),
    })
  return {
    rules,
    open: () => readOpen(db),
    history: ({ limit = usualLimit, rule } = {}) => readPastAlerts(db, { limit, rule }),
    silences: async () =>
      (await readSilences(db, clock.now())).map(({ id, rule, node, series, until, reason, madeBy, madeAt }) => ({
        id,
        rule: rule ?? null,
        node: node ?? null,
        series: series ?? null,
        until: until.toISOString(),
        reason,
        madeBy,
        madeAt: madeAt.toISOString(),
      })),
    silence: async (wanted) => {
      if (wanted.rule !== undefined) findRule(rules, wanted.rule)
      return { id: await addSilence(db, wanted, clock.now()) }
    },
    unsilence: (id) => endSilence(db, id, clock.now()),
    tryRule: async (rule, span) =>
      await tryRule(typeof rule === 'string' ? findRule(rules, rule) : rule, { ...span, read }),
  }
}

export function findRule(rules: readonly Rule[], name: string): Rule {
  const found = rules.find((rule) => rule.name === name)
  if (found !== undefined) return found
  const names = rules.map((rule) => rule.name)
  throw new StrataError('ALERT_RULE_UNKNOWN', { message: `There is no rule "${name}"${hintOf(name, names)}` })
}

async function tryRule(rule: Rule, { fromMs, toMs, read }: TrialSpan & { readonly read: ReadPast }): Promise<Trial> {
  if (!(fromMs < toMs)) {
    throw new StrataError('USAGE', { message: 'Not a span of time', expected: 'a beginning before the end' })
  }
  const names = knownMetrics[rule.metric] ?? []
  const labels = (series: string): Readonly<Record<string, string>> => namedLabels(names, labelsOf(series))
  const readings = (await read({ metric: rule.metric, fromMs, toMs })).filter(({ node, series }) =>
    fitsLabels(rule, node, labels(series)),
  )
  const iso = (atMs: number): string => new Date(atMs).toISOString()
  return {
    rule: rule.name,
    from: iso(fromMs),
    to: iso(toMs),
    readings: readings.length,
    series: new Set(readings.map(({ node, series }) => `${node} ${series}`)).size,
    alerts: replay(rule, readings, toMs).map(({ node, series, beganMs, firedMs, resolvedMs, worst }) => ({
      node,
      labels: labels(series),
      beganAt: iso(beganMs),
      firedAt: iso(firedMs),
      resolvedAt: resolvedMs === undefined ? null : iso(resolvedMs),
      worst: numberOrNull(worst),
      lastedMs: (resolvedMs ?? toMs) - firedMs,
    })),
  }
}
