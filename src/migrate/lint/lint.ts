// Statements and facts in, findings out. Pure: nothing is read and nothing is thrown for any statement that parses.
// Statements must come from parseSql(), which loads the lexer that one rule uses.
// A finding on a table that the same migration (or an earlier pending one) has made is dropped: nobody uses it yet.

import type { ParsedStatement } from '../../sql/parse.ts'
import { planAltered, planCreated, tableOfIndex } from './history.ts'
import { tableKey, type TableName } from './names.ts'
import { rules as allRules } from './rules/index.ts'
import { judge } from './severity.ts'
import { allowancesOf, type Allowance } from './suppress.ts'
import { planTransactions } from './transactions.ts'
import type { Finding, Harm, LintContext, LintInput, LintOptions, Rule, RuleSettings, Severity } from './types.ts'

/** The name under which a comment that allows nothing is reported. */
const allowCommentRule = 'allow-comment'

const oldestSupported = 15
const shownStatementLength = 200

/** These hold whether or not anybody uses the table. */
const holdsForNewTables: ReadonlySet<Harm> = new Set(['fails', 'style'])

export function lintStatements(input: LintInput): Finding[] {
  const known = new Set(ruleNames())
  const contextAt = planContexts(input)
  return input.statements.flatMap((statement, index) => {
    const context = contextAt(statement, index)
    const allowances = allowancesOf(statement)
    const findings = allRules.flatMap((rule) => applyRule(rule, context, input, allowances))
    return [...findings, ...judgeAllowances(allowances, findings, known, statement, input)]
  })
}

/** The findings that a gate stops at; those with an accepted reason never count. */
export function blockingFindings(findings: readonly Finding[], gate: LintOptions['gate']): readonly Finding[] {
  const stops: readonly Severity[] = gate === 'off' ? [] : gate === 'error' ? ['error'] : ['error', 'warning']
  return findings.filter(({ severity, suppressed }) => suppressed === undefined && stops.includes(severity))
}

/** All rule names that `-- lint: allow` and the options take. */
export function ruleNames(): readonly string[] {
  return allRules.map(({ name }) => name)
}

/** What concerns all statements is worked out once; a list of earlier statements only for the rule that asks. */
function planContexts(input: LintInput): (statement: ParsedStatement, index: number) => LintContext {
  const { statements, earlier = [], facts } = input
  const all = [...earlier, ...statements]
  const created = planCreated(all)
  const planned = planTransactions(statements)
  const groups = input.transactions ?? planned.groups
  const altered = planAltered(statements, groups)
  return (statement, index) => {
    const group = groups[index]
    const position = earlier.length + index
    const before = (): readonly ParsedStatement[] => all.slice(0, position)
    return {
      statement,
      index,
      statements,
      before,
      together: () => (group === undefined ? [] : statements.slice(groups.indexOf(group), index)),
      altered: altered[index] ?? [],
      createdHere: (table: TableName) => created[position]?.has(tableKey(table)) === true,
      table: (table: TableName) => facts?.tables.get(tableKey(table)),
      tableOfIndex: (name: TableName) => tableOfIndex(before(), name) ?? facts?.indexes.get(tableKey(name)),
      inTransaction: group !== undefined,
      inExplicitTransaction: planned.explicit[index] === true,
      version: input.version ?? facts?.version ?? oldestSupported,
      timeZone: facts?.timeZone,
    }
  }
}

function applyRule(
  rule: Rule,
  context: LintContext,
  input: LintInput,
  allowances: readonly Allowance[],
): readonly Finding[] {
  const setting = settingOf(input.rules, rule.name) ?? (rule.optIn === true ? 'off' : undefined)
  if (setting === 'off') return []
  const allowance = allowances.find(({ rules, reason }) => reason !== undefined && rules.includes(rule.name))
  const { line, statement } = placeOf(context.statement, input)
  return rule.check(context).flatMap(({ message, fix, table, lock, why = rule.why, harm = rule.harm }) => {
    if (table !== undefined && !holdsForNewTables.has(harm) && context.createdHere(table)) return []
    const judgement = judge(harm, table === undefined ? undefined : context.table(table))
    return {
      rule: rule.name,
      severity: setting ?? judgement.severity,
      message,
      why,
      fix,
      line,
      statement,
      ...(lock === undefined ? {} : { lock }),
      ...(table === undefined ? {} : { table }),
      ...(judgement.scale === undefined ? {} : { scale: judgement.scale }),
      ...(allowance?.reason === undefined ? {} : { suppressed: { reason: allowance.reason } }),
    }
  })
}

function settingOf(settings: RuleSettings | undefined, name: string): RuleSettings[string] | undefined {
  return settings !== undefined && Object.hasOwn(settings, name) ? settings[name] : undefined
}

function placeOf(statement: ParsedStatement, input: LintInput): { line: number; statement: string } {
  const shown =
    statement.text.length > shownStatementLength ? `${statement.text.slice(0, shownStatementLength)}…` : statement.text
  return { line: statement.line + (input.firstLine ?? 1) - 1, statement: shown }
}

function judgeAllowances(
  allowances: readonly Allowance[],
  findings: readonly Finding[],
  known: ReadonlySet<string>,
  statement: ParsedStatement,
  input: LintInput,
): readonly Finding[] {
  const found = new Set(findings.map(({ rule }) => rule))
  return allowances.flatMap((allowance) =>
    complaintsOf(allowance, found, known, input.rules).map(({ message, severity }) => ({
      rule: allowCommentRule,
      severity,
      message,
      why: 'An exception that nobody can read the reason of, or that excepts nothing, hides the next real one.',
      fix: '-- lint: allow <rule>[, <rule>] because <reason>',
      ...placeOf(statement, input),
    })),
  )
}

function complaintsOf(
  { rules, reason, comment }: Allowance,
  found: ReadonlySet<string>,
  known: ReadonlySet<string>,
  settings: RuleSettings | undefined,
): readonly { readonly message: string; readonly severity: Severity }[] {
  const warn = (message: string) => ({ message, severity: 'warning' as const })
  if (rules.length === 0) {
    return [warn(`Not understood, and so allows nothing: ${comment.slice(0, shownStatementLength)}`)]
  }
  const malformed =
    reason === undefined ? [warn(`Allows ${rules.join(', ')} without a reason, and so allows nothing`)] : []
  const unknown = rules
    .filter((rule) => !known.has(rule))
    .map((rule) => warn(`There is no rule '${rule.slice(0, 80)}'`))
  // Only a note: on another database, an empty one say, the same statement is harmless.
  const unused = rules
    .filter((rule) => known.has(rule) && !found.has(rule) && settingOf(settings, rule) !== 'off')
    .map((rule) => ({ message: `Allows ${rule}, which has nothing against the statement`, severity: 'note' as const }))
  return [...malformed, ...unknown, ...unused]
}
