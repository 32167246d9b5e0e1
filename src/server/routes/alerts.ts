// Alerts that stand and that were, the rules they come from, and silencing them.

import { StrataError } from '../../base/errors.ts'
import {
  alertHistoryQueryShape,
  alertHistoryShape,
  alertsShape,
  rulesShape,
  silencedShape,
  silenceRequestShape,
  type AlertAnswer,
  type AlertHistoryAnswer,
  type AlertHistoryQuery,
  type AlertsAnswer,
  type RulesAnswer,
  type Silenced,
  type SilenceRequest,
} from '../contract/alerts.ts'
import type { AlertRecord } from '../../watch/index.ts'
import { jsonRoute, required, type Route } from '../route.ts'
import { object, text, type ObjectShape } from '../shape.ts'

interface SilenceId {
  readonly id: string
}

const silenceId: ObjectShape<SilenceId> = object<SilenceId>({ id: text({ least: 1, most: 20 }) })

const looked = { method: 'GET', group: 'alerts', access: 'read', cache: 'revalidate', needs: 'watch' } as const
const managed = { group: 'alerts', access: 'manage', cache: 'none', needs: 'watch' } as const

export const alertRoutes: readonly Route[] = [
  jsonRoute<AlertsAnswer>({
    ...looked,
    path: '/api/alerts',
    summary: 'Alerts that stand, and silences.',
    answer: alertsShape,
    handle: async (_, { sources, shared }) => {
      const alerts = required(sources.alerts, 'watch')
      return {
        alerts: (await shared.ask('alerts', () => alerts.open())).map(alertOf),
        silences: (await shared.ask('silences', () => alerts.silences())).map(
          ({ id, rule, node, series, until, reason, madeBy }) => ({ id, rule, node, series, until, reason, madeBy }),
        ),
      }
    },
  }),
  jsonRoute<AlertHistoryAnswer, unknown, AlertHistoryQuery>({
    ...looked,
    path: '/api/alerts/history',
    summary: 'Alerts that were, the newest first.',
    query: alertHistoryQueryShape,
    answer: alertHistoryShape,
    handle: async ({ query: { limit = 100, rule } }, { sources, shared }) => {
      const alerts = required(sources.alerts, 'watch')
      const past = await shared.ask(`history ${limit} ${rule ?? ''}`, () => alerts.history({ limit, rule }))
      return { alerts: past.map(alertOf) }
    },
  }),
  jsonRoute<RulesAnswer>({
    ...looked,
    path: '/api/alerts/rules',
    summary: 'The rules that alerts come from.',
    answer: rulesShape,
    handle: (_, { sources }) => ({
      rules: required(sources.alerts, 'watch').rules.map(
        ({ name, severity, metric, where, over, under, clear, forMs, keepMs, actions, summary, group }) => ({
          name,
          severity,
          metric,
          where: Object.fromEntries(Object.entries(where).map(([label, values]) => [label, [values].flat()])),
          over: over ?? null,
          under: under ?? null,
          clear,
          forMs,
          keepMs,
          actions,
          summary,
          group,
        }),
      ),
    }),
  }),
  jsonRoute<Silenced, unknown, unknown, SilenceRequest>({
    ...managed,
    method: 'POST',
    path: '/api/alerts/silences',
    summary: 'Silences alerts of a rule, a node or a series for so many minutes; with none of them, all.',
    body: silenceRequestShape,
    answer: silencedShape,
    status: () => 201,
    statuses: { 201: 'It stands.' },
    fails: ['ALERT_RULE_UNKNOWN'],
    handle: ({ body: { rule, node, series, minutes, reason }, actor }, { sources, clock }) =>
      required(sources.alerts, 'watch').silence({
        rule,
        node,
        series,
        untilMs: clock.now() + minutes * 60_000,
        reason,
        madeBy: actor.name,
      }),
  }),
  jsonRoute<Silenced, SilenceId>({
    ...managed,
    method: 'DELETE',
    path: '/api/alerts/silences/:id',
    summary: 'Ends a silence.',
    params: silenceId,
    answer: silencedShape,
    fails: ['HTTP_NOT_FOUND'],
    handle: async ({ params: { id } }, { sources }) => {
      const isKnown = /^\d{1,18}$/.test(id) && (await required(sources.alerts, 'watch').unsilence(id))
      if (!isKnown) throw new StrataError('HTTP_NOT_FOUND', { message: 'There is no such silence' })
      return { id }
    },
  }),
]

function alertOf(record: AlertRecord): AlertAnswer {
  const { id, rule, node, series, severity, state, value, summary, beganAt, firedAt, resolvedAt, evidence, actions } =
    record
  const known = Number.isFinite(value) ? value : null
  return {
    id,
    rule,
    node,
    series,
    severity,
    state,
    value: known,
    summary,
    beganAt,
    firedAt,
    resolvedAt,
    evidence,
    actions,
  }
}
