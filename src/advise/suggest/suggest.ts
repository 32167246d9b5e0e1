// Which indexes would serve a statement: what it wants of its tables → candidates → those that are there already left out → judged.
// With hypopg the planner judges, candidate by candidate, and what it does not use is not suggested; without, the statistics do.
// Promises: nothing for tables under the floor, nothing that leaves most of the table, nothing that saves less than the stated part;
// nothing is changed in the database. Views are not looked into.

import type { Session } from '../../db/db.ts'
import { readLevels, type Operand } from '../../sql/query/index.ts'
import { sql } from '../../sql/sql.ts'
import { explainOn, type PlannerSettings } from '../plan/explain.ts'
import { readPlan } from '../plan/read-plan.ts'
import type { CheckedStatement } from '../plan/statement.ts'
import { readTables } from '../plan/tables.ts'
import { rowsOf, type Candidate, type CandidateTools } from './candidate.ts'
import { findCandidates } from './candidates.ts'
import { readCostSettings } from './cost.ts'
import { findCovering } from './coverage.ts'
import { foreseeable, findHypopg } from './hypothetical.ts'
import { findImmutable } from './immutable.ts'
import { judgeByPlanner } from './judge-planner.ts'
import { judgeByStatistics, type Judged } from './judge-statistics.ts'
import { toSuggestion } from './report.ts'
import { selectivityOf } from './selectivity.ts'
import type { IndexSuggestion } from './suggestion.ts'
import { readWants, type ResolvedLevel, type TableWants, type Want } from './wants.ts'

/** Smaller tables are read whole as fast as by an index. */
const floorRows = 1_000
/** A statement that costs less has nothing to gain. */
const floorCost = 100

const mostSuggestions = 5
const mostQuestions = 24

export interface SuggestTools {
  readonly session: Session
  readonly settings: PlannerSettings
  /** Tables from this size on may get BRIN. Default 1 GB. */
  readonly brinFromBytes?: number
}

export async function suggestIndexes(
  statement: CheckedStatement,
  tools: SuggestTools,
): Promise<readonly IndexSuggestion[]> {
  const { session, settings } = tools
  const plan = readPlan((await explainOn(session, settings, statement, { analyze: false, format: 'json' }))[0])
  if (plan.root.cost.total < floorCost) return []
  const groups = await findGroups(statement, tools)
  const open = groups.map(withoutCovered).filter((group) => group.length > 0)
  if (open.length === 0) return []
  const costs = readCostSettings(settings.of)
  const limitRowsOf = (of: TableWants): number | undefined => limitOf(of.limit, statement.params)
  const hypopg = await findHypopg(session)
  const asked = hypopg === undefined ? [] : open.filter((group) => group.every(({ method }) => foreseeable.has(method)))
  const unasked = open.filter((group) => !asked.includes(group))
  const verified =
    hypopg === undefined ? [] : await judgeByPlanner({ statement, groups: asked, plan, hypopg, session, settings })
  const estimated = judgeByStatistics({ groups: unasked, plan, costs, limitRowsOf })
  return distinct([...verified, ...estimated])
    .slice(0, mostSuggestions)
    .map(toSuggestion)
}

async function findGroups(
  statement: CheckedStatement,
  { session, brinFromBytes = 1_024 ** 3 }: SuggestTools,
): Promise<readonly (readonly Candidate[])[]> {
  const levels = readLevels(statement)
  const resolved: ResolvedLevel[] = []
  for (const level of levels) resolved.push({ level, tables: await readTables(session, level.tables) })
  const wants = readWants(resolved).filter(({ table }) => isLarge(table))
  const isImmutable = await findImmutable(session, wants)
  const hasTrigrams = await isInstalled(session, 'pg_trgm')
  const budget = { left: mostQuestions }
  const groups: (readonly Candidate[])[] = []
  for (const of of wants) {
    const kept = keepImmutable(of, isImmutable)
    const selectivities = new Map<Want, number>()
    for (const want of [...kept.wants, ...kept.either.flat(2)]) {
      selectivities.set(want, await selectivityOf(want, of.table, { session, params: statement.params, budget }))
    }
    const limitRows = limitOf(of.limit, statement.params)
    const tools: CandidateTools = { selectivities, hasTrigrams, brinFromBytes, limitRows, params: statement.params }
    groups.push(...findCandidates(kept, tools))
  }
  return groups
}

/** One that was never analyzed counts by its size: the planner takes it for ten pages at least. */
function isLarge(table: TableWants['table']): boolean {
  return table.rows === undefined ? table.sizeBytes >= floorRows * 100 : rowsOf(table) >= floorRows
}

function keepImmutable(of: TableWants, isImmutable: (of: TableWants, key: Want['key']) => boolean): TableWants {
  const fits = ({ key }: { readonly key: Want['key'] }): boolean => isImmutable(of, key)
  return {
    ...of,
    wants: of.wants.filter(fits),
    either: of.either
      .filter((branches) => branches.every((branch) => branch.some(fits)))
      .map((branches) => branches.map((branch) => branch.filter(fits))),
    order: of.order.every(fits) ? of.order : [],
  }
}

/** Of an OR those branches are left that have no index yet. */
function withoutCovered(group: readonly Candidate[]): readonly Candidate[] {
  return group.filter((candidate) => findCovering(candidate) === undefined)
}

async function isInstalled(session: Session, name: string): Promise<boolean> {
  const { rows } = await session.query(sql`select from pg_extension where extname = ${name}`)
  return rows.length > 0
}

function limitOf(limit: Operand | undefined, params: readonly unknown[] | undefined): number | undefined {
  const value =
    limit?.kind === 'constant' ? limit.value : limit?.kind === 'parameter' ? params?.[limit.number - 1] : undefined
  const rows = value === undefined || value === null ? Number.NaN : Number(value)
  return Number.isFinite(rows) ? rows : undefined
}

/** The best of each table and level; one that begins another is left out, and so is the same again. */
function distinct(judged: readonly Judged[]): readonly Judged[] {
  const best = new Map<string, Judged>()
  for (const one of judged) {
    const { of } = one.candidate
    const place = `${of.level} ${of.alias} ${one.branch}`
    const before = best.get(place)
    if (before === undefined || before.costAfter > one.costAfter) best.set(place, one)
  }
  const kept = [...best.values()].toSorted((left, right) => left.costAfter - right.costAfter)
  return kept.filter(
    (one, index) => !kept.some((other, at) => at !== index && begins(one.candidate, other.candidate, at < index)),
  )
}

function begins(short: Candidate, long: Candidate, isEarlier: boolean): boolean {
  if (short.of.table.oid !== long.of.table.oid || short.method !== long.method || short.where !== long.where)
    return false
  if (short.keys.length > long.keys.length || (short.keys.length === long.keys.length && !isEarlier)) return false
  return short.keys.every(
    (key, place) =>
      key.key.text === long.keys[place]?.key.text && key.operatorClass === long.keys[place]?.operatorClass,
  )
}
