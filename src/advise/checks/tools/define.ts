// What all checks have in common, so that one check is its question, its threshold, its SQL and what it says.
//
// What must be true: a check only reads, names at most `mostFindings` things, the worst first, and says how many more there are.

import type { Queryable } from '../../../db/db.ts'
import { sql, type Sql } from '../../../sql/sql.ts'
import type { Check, CheckTools, Finding, Gravity, Limits, NotKnown } from '../../model.ts'

type Evidence = Finding['evidence']

/** A finding without what its check says of all of them. */
export interface Draft {
  readonly gravity: Gravity
  readonly subject: string
  readonly what: string
  readonly evidence: Evidence
  readonly fix?: readonly string[]
  readonly undo?: readonly string[]
  readonly advice?: string
}

export interface FindTools extends CheckTools {
  readonly limits: Limits
}

type Given = Pick<Check, 'name' | 'category' | 'question' | 'why' | 'threshold' | 'mends'>
type Usual = Partial<Pick<Check, 'of' | 'limits' | 'penalty' | 'caps' | 'unavailable'>>

export interface CheckSpec extends Given, Usual {
  readonly find: (tools: FindTools) => Promise<readonly Draft[] | NotKnown>
}

const usualPenalty: Readonly<Record<Gravity, number>> = { note: 0.05, warn: 0.25, critical: 0.7 }

/** Of a check that finds or does not: there is nothing to measure. */
const noLimits: Limits = { warn: 0, critical: Infinity, least: 0 }

export function defineCheck(spec: CheckSpec): Check {
  const { find, ...rest } = spec
  const { name, category, why, limits = noLimits } = spec
  return {
    of: 'primary',
    penalty: usualPenalty,
    caps: false,
    unavailable: () => undefined,
    ...rest,
    limits,
    run: async (tools) => {
      const drafts = await find({ ...tools, limits: { ...limits, ...tools.limits } })
      if ('notKnown' in drafts) return drafts
      return drafts.map((draft) => ({ check: name, category, why, fix: [], undo: [], advice: undefined, ...draft }))
    },
  }
}

/** Undefined: below what is worth a word. */
export function gravityOf(value: number, { warn, critical }: Limits): Gravity | undefined {
  if (value >= critical) return 'critical'
  return value >= warn ? 'warn' : undefined
}

export const mostFindings = 20

/** Rows in the order of `statement`, as many as are shown, with how many there are. */
export async function readWorst<Row extends object>(
  on: Queryable,
  statement: Sql,
): Promise<{ readonly rows: readonly Row[]; readonly all: number }> {
  const { rows } = await on.query<Row & { ofAll: number }>(sql`
    with found as materialized (${statement})
    select found.*,
      (select count(*) from found)::float8 as "ofAll"
    from found
    limit ${mostFindings}`)
  return { rows: rows.map(({ ofAll: _ofAll, ...row }) => row as unknown as Row), all: rows[0]?.ofAll ?? 0 }
}

/** A finding for each row; the last says how many more there are. */
export async function findEach<Row extends object>(
  on: Queryable,
  statement: Sql,
  say: (row: Row) => Draft | undefined,
): Promise<readonly Draft[]> {
  const { rows, all } = await readWorst<Row>(on, statement)
  const drafts = rows.flatMap((row) => say(row) ?? [])
  const last = drafts.at(-1)
  if (last === undefined || all <= rows.length) return drafts
  return [...drafts.slice(0, -1), { ...last, evidence: { ...last.evidence, andMore: all - rows.length } }]
}

/** One after the other: a connection answers one question at a time. */
export async function inTurn<In, Out>(
  items: readonly In[],
  work: (item: In, index: number) => Promise<Out>,
): Promise<Out[]> {
  const done: Out[] = []
  for (const [index, item] of items.entries()) done.push(await work(item, index))
  return done
}
