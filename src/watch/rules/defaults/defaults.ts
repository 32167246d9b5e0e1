// The rules that pgstrata comes with, all of them, by name: data, which the configuration changes and docs/alerts.md shows.

import type { Rule } from '../../model/rule.ts'
import { completeRule, type RuleOptions } from '../rule-options.ts'
import { applicationRules } from './application.ts'
import { serverRules } from './server.ts'

export const defaultRuleOptions: Readonly<Record<string, RuleOptions>> = { ...applicationRules, ...serverRules }

export function defaultRules(): readonly Rule[] {
  return Object.entries(defaultRuleOptions).map(([name, options]) => completeRule(name, options))
}
