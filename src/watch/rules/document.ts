// The table of rules in docs/alerts.md, made of the rules themselves.

import type { Rule } from '../model/rule.ts'
import { defaultRules } from './defaults/defaults.ts'
import { describeCondition } from './describe.ts'
import { formatValue, shortDuration } from './values.ts'

/** Markdown, in the order of groups. */
export function renderRules(rules: readonly Rule[] = defaultRules()): string {
  const rows = rules
    .toSorted((a, b) => a.group.localeCompare(b.group, 'en') || a.name.localeCompare(b.name, 'en'))
    .map((rule) => {
      const back = rule.over === undefined ? 'at least' : 'at most'
      const ends = `${back} ${formatValue(rule.metric, rule.clear)} for ${shortDuration(rule.keepMs)}`
      const actions = rule.actions.length === 0 ? '' : rule.actions.map((name) => `\`${name}\``).join(', ')
      return `| \`${rule.name}\` | ${rule.group} | ${rule.severity} | \`${describeCondition(rule)}\` | ${ends} | ${actions} |`
    })
  return ['| rule | group | severity | raised | over | action |', '|---|---|---|---|---|---|', ...rows, ''].join('\n')
}
