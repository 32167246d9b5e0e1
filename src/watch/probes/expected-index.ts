// Whether named queries still use the index that somebody built for them: each is planned, not run, for parameters that nobody knows
// (a generic plan), and what is planned is rolled back.
//
// A partition's index counts as that of the table. A query that cannot be planned, or an index that is not there, counts as not used:
// `detail` says why. Plans depend on what the statistics say on that server, so the primary is asked. Of a small table, which the
// server rather reads whole, an index that is there and not used says nothing.

import type { Queryable } from '../../db/db.ts'
import { explainGeneric } from '../../db/generic-plan.ts'
import { parseSql } from '../../sql/parse.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import type { AskTools, Reading, ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

export interface ExpectedIndex {
  readonly name: string
  readonly sql: string
  readonly schema: string
  readonly index: string
}

/** What became of one of them. */
interface ExpectationMet {
  readonly query: string
  readonly index: string
  readonly isUsed: boolean
  /** The table is too small for that to say something. */
  readonly isSmall: boolean
  /** Indexes that its plan has instead, or why there is no plan. */
  readonly found: string
}

const most = 200
/** 8 MB: read in some milliseconds. */
const fewPages = 1_000
const metric = 'pgstrata_expected_index_used'

export function createExpectedIndexProbe(expected: readonly ExpectedIndex[]): ServerProbe {
  return {
    name: 'expected-index',
    question: 'Do named queries use the indexes that they are expected to?',
    everyMs: 5 * 60_000,
    limitMs: 2_000,
    of: 'primary',
    metrics: [
      gauge(metric, '1 where a named query is planned with its expected index, 0 where it is not.', {
        labels: ['query'],
        most,
      }),
    ],
    unavailable: available,
    read: (tools) => inTransaction(tools.on, () => readAll(expected.slice(0, most), tools)),
  }
}

/** As an application has them that connects in the same way: where names are looked for is part of what a query means. */
const asUsual = sql`
  select set_config(name, reset_val, true)
  from pg_settings
  where name in ('search_path', 'jit', 'max_parallel_workers_per_gather')`

async function readAll(expected: readonly ExpectedIndex[], { on, facts, signal }: AskTools): Promise<Reading> {
  await on.query(asUsual)
  const met: ExpectationMet[] = []
  for (const one of expected) {
    if (signal.aborted) break
    met.push(await meet(on, one, facts.major))
  }
  return {
    points: met
      .filter(({ isUsed, isSmall }) => isUsed || !isSmall)
      .map(({ query, isUsed }) => ({ metric, labels: [query], value: isUsed ? 1 : 0 })),
    detail: met,
  }
}

async function meet(
  on: Queryable,
  { name, schema, index, ...one }: ExpectedIndex,
  major: number,
): Promise<ExpectationMet> {
  const told = { query: name, index: `${schema}.${index}`, isSmall: false }
  const [statement, ...others] = await parseSql(one.sql, { name }).catch(() => [])
  if (statement === undefined || others.length > 0)
    return { ...told, isUsed: false, found: 'expected one statement that can be parsed' }
  await on.query(sql`savepoint pgstrata_expected`)
  let failure: unknown
  let plan: unknown
  try {
    const query = async (asked: Sql): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      (await on.query(asked)).rows
    const [row] = await explainGeneric(query, { text: statement.text, major, options: 'verbose, format json' })
    plan = row?.['QUERY PLAN']
  } catch (error) {
    failure = error
  }
  await on.query(sql`rollback to savepoint pgstrata_expected`)
  if (failure !== undefined)
    return { ...told, isUsed: false, found: `it cannot be planned: SQLSTATE ${sqlstateOf(failure) ?? 'unknown'}` }
  const used = indexesIn(plan)
  const isUsed = await includesIndex(on, { schema, index, used })
  const isSmall = !isUsed && (await isOfSmallTable(on, { schema, index }))
  return {
    ...told,
    isUsed,
    isSmall,
    found: used.length === 0 ? 'no index' : used.map((parts) => parts.join('.')).join(', '),
  }
}

interface PlanNode {
  readonly 'Index Name'?: unknown
  readonly Schema?: unknown
  readonly Plans?: unknown
  readonly Plan?: unknown
}

/** [schema, index]; a Bitmap Index Scan does not say its schema, which its table above it does. */
function indexesIn(plan: unknown, schema = 'public'): readonly (readonly [string, string])[] {
  if (Array.isArray(plan)) return plan.flatMap((one: unknown) => indexesIn(one, schema))
  if (typeof plan !== 'object' || plan === null) return []
  const node = plan as PlanNode
  const own = typeof node.Schema === 'string' ? node.Schema : schema
  const name = node['Index Name']
  return [
    ...(typeof name === 'string' ? [[own, name] as const] : []),
    ...indexesIn(node.Plans ?? [], own),
    ...indexesIn(node.Plan ?? [], own),
  ]
}

interface Wanted {
  readonly schema: string
  readonly index: string
  readonly used: readonly (readonly [string, string])[]
}

async function includesIndex(on: Queryable, { schema, index, used }: Wanted): Promise<boolean> {
  const names = used.map(([usedSchema, name]) => quoteQualified(usedSchema, name))
  const { rows } = await on.query(sql`
    select
    from unnest(${names}::text[]) as u (name)
    where to_regclass(${quoteQualified(schema, index)}) = to_regclass(u.name)
      or to_regclass(${quoteQualified(schema, index)}) in (
        select a.relid from pg_partition_ancestors(to_regclass(u.name)) as a)`)
  return rows.length > 0
}

/** With all partitions; false where there is no such index. */
async function isOfSmallTable(on: Queryable, { schema, index }: Pick<Wanted, 'schema' | 'index'>): Promise<boolean> {
  const { rows } = await on.query<{ pages: number }>(sql`
    select (sum(pg_relation_size(part)) / current_setting('block_size')::int4)::float8 as pages
    from pg_index i
    cross join lateral (
      select i.indrelid as part
      union
      select relid from pg_partition_tree(i.indrelid)
    ) as parts
    where i.indexrelid = to_regclass(${quoteQualified(schema, index)})`)
  const pages = rows[0]?.pages ?? null
  return pages !== null && pages < fewPages
}

/** In the one that is open, or in one of its own that comes to nothing. */
async function inTransaction(on: Queryable, read: () => Promise<Reading>): Promise<Reading> {
  const isOpen = await on.query(sql`savepoint pgstrata_probe`).then(
    () => true,
    () => false,
  )
  if (!isOpen) await on.query(sql`begin read only`)
  try {
    return await read()
  } finally {
    await on.query(isOpen ? sql`rollback to savepoint pgstrata_probe` : sql`rollback`)
  }
}
