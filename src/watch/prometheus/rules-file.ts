// Our rules as a file of alerting rules for Prometheus and Alertmanager: for who has those already. The hysteresis is written into
// the expression, by the alert's own state: once raised, it stands until the value is back behind `clear`.
// Needs Prometheus 2.42 or later (keep_firing_for). Pure.

import type { Rule } from '../model/rule.ts'
import { formatValue, unitOf } from '../rules/values.ts'
import { thresholdOf } from '../rules/rule-options.ts'

/** YAML, one group for each of ours. */
export function renderPrometheusRules(rules: readonly Rule[]): string {
  const groups = [...new Set(rules.map(({ group }) => group))].toSorted()
  const lines = groups.flatMap((group) => [
    `  - name: ${quote(`pgstrata ${group}`)}`,
    '    rules:',
    ...rules.filter((rule) => rule.group === group).flatMap(renderRule),
  ])
  return `${['# Alerting rules of pgstrata, for Prometheus 2.42 or later.', 'groups:', ...lines].join('\n')}\n`
}

function renderRule(rule: Rule): readonly string[] {
  const { name, severity, group, forMs, keepMs } = rule
  return [
    `      - alert: ${quote(name)}`,
    `        expr: ${quote(expressionOf(rule))}`,
    ...(forMs === 0 ? [] : [`        for: ${formatSpan(forMs)}`]),
    ...(keepMs === 0 ? [] : [`        keep_firing_for: ${formatSpan(keepMs)}`]),
    '        labels:',
    `          severity: ${quote(severity)}`,
    `          group: ${quote(group)}`,
    '        annotations:',
    `          summary: ${quote(templateOf(rule))}`,
  ]
}

function expressionOf(rule: Rule): string {
  const { name, metric, where, over, clear } = rule
  const selector = Object.entries(where).map(([label, value]) =>
    typeof value === 'string'
      ? `${label}=${quote(value)}`
      : `${label}=~${quote(value.map((one) => one.replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&')).join('|'))}`,
  )
  const series = selector.length === 0 ? metric : `${metric}{${selector.join(',')}}`
  // Of a counter what is added per second; over five minutes, so that one missed scrape is no gap.
  const value = unitOf(metric).isRate ? `rate(${series}[5m])` : series
  const sign = over === undefined ? '<' : '>'
  const threshold = thresholdOf(rule)
  const raised = `${value} ${sign} ${threshold}`
  if (clear === threshold) return raised
  const stands = `ALERTS{alertname=${quote(name)},alertstate="firing"}`
  return `${raised} or (${value} ${sign} ${clear} and ignoring(alertname,alertstate,severity,group) ${stands})`
}

const templateByUnit = {
  seconds: '{{ $value | humanizeDuration }}',
  bytes: '{{ $value | humanize1024 }}B',
  ratio: '{{ $value | humanizePercentage }}',
  number: '{{ $value | humanize }}',
} as const

function templateOf(rule: Rule): string {
  const { unit, isRate } = unitOf(rule.metric)
  return rule.summary.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    switch (name) {
      case 'value':
        return isRate ? `${templateByUnit[unit]} a second` : templateByUnit[unit]
      case 'threshold':
        return formatValue(rule.metric, thresholdOf(rule))
      case 'labels':
        return '{{ $labels }}'
      case 'rule':
        return rule.name
      default:
        return `{{ $labels.${name} }}`
    }
  })
}

function formatSpan(durationMs: number): string {
  return durationMs % 1_000 === 0 ? `${durationMs / 1_000}s` : `${durationMs}ms`
}

/** A JSON string is one of YAML, and of PromQL. */
function quote(text: string): string {
  return JSON.stringify(text)
}
