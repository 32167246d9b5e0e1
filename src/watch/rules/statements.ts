// What alerts about statements are about, in words: metrics know a statement by the name of its shape or by its queryid, people by its text.
// Texts have no constants, and are cut; the name stays among the labels.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Rule } from '../model/rule.ts'
import { describeAlert } from './describe.ts'
import { labelsIn, statementIn, type AlertRow, type TickPlan } from './plan-tick.ts'

/** The rest is told by the reports, and by `pgstrata explain`. */
const mostCharacters = 120

/** The same plan, with the texts of statements where they are known by now. An alert keeps the one that it has. */
export async function nameStatements(
  tx: Queryable,
  plan: TickPlan,
  rules: ReadonlyMap<string, Rule>,
): Promise<TickPlan> {
  const unnamed = [...plan.begun, ...plan.changed.map(({ row }) => row)].filter(isUnnamed)
  if (unnamed.length === 0) return plan
  const texts = await readTexts(tx, unnamed)
  const name = (row: AlertRow): AlertRow => {
    const rule = rules.get(row.rule)
    const text = isUnnamed(row) ? texts.get(keyOf(row) ?? '') : undefined
    if (rule === undefined || text === undefined) return row
    const { node, standing, evidence } = row
    const labels = labelsIn(evidence)
    const summary = describeAlert(rule, { node, labels, value: standing.value, statement: text })
    return { ...row, summary, evidence: { ...evidence, statement: text } }
  }
  return {
    ...plan,
    begun: plan.begun.map(name),
    changed: plan.changed.map((one) => ({ ...one, row: name(one.row) })),
  }
}

function isUnnamed(row: AlertRow): boolean {
  return keyOf(row) !== undefined && statementIn(row.evidence) === undefined
}

function keyOf({ evidence }: AlertRow): string | undefined {
  const { shape, queryid } = labelsIn(evidence)
  // What an application calls by a name of its own has no other.
  if (shape !== undefined) return shape.startsWith('work:') ? undefined : `shape ${shape}`
  // All that have no series of their own have a name that is no number.
  return queryid === undefined || !isNumber(queryid) ? undefined : `queryid ${queryid}`
}

function isNumber(queryid: string): boolean {
  return /^-?\d{1,19}$/.test(queryid)
}

async function readTexts(tx: Queryable, rows: readonly AlertRow[]): Promise<ReadonlyMap<string, string>> {
  const labels = rows.map(({ evidence }) => labelsIn(evidence))
  const shapes = [...new Set(labels.flatMap(({ shape }) => shape ?? []))]
  const queryids = [...new Set(labels.flatMap(({ queryid = '' }) => (isNumber(queryid) ? queryid : [])))]
  const answer = await tx.query<{ key: string; text: string }>(sql`
    select 'shape ' || shape as key, text
    from pgstrata.watch_shape
    where shape = any(${shapes}::text[])
    union all
    select 'queryid ' || queryid, text
    from pgstrata.watch_query
    where queryid = any(${queryids}::int8[])`)
  return new Map(answer.rows.map(({ key, text }) => [key, shorten(text)]))
}

function shorten(text: string): string {
  const points = Array.from(text.replaceAll(/\s+/g, ' ').trim())
  return points.length <= mostCharacters ? points.join('') : `${points.slice(0, mostCharacters - 1).join('')}…`
}
