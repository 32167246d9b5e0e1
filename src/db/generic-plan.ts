// How a statement is planned for values that nobody knows: EXPLAIN of its generic plan, on every version.
//
// What must be true: the caller has a transaction open, and ends it by a rollback; `text` is one statement that can be planned. Nothing is
// run. Nothing is left on the session but for what the caller's rollback takes back: no prepared statement, no setting.
// On failure: the error of the server; where there is no GENERIC_PLAN, the transaction is as it was before.

import { sql, type Sql } from '../sql/sql.ts'

export interface GenericPlanOptions {
  readonly text: string
  /** 15 to 18 */
  readonly major: number
  /** Of EXPLAIN: 'verbose, format json'. */
  readonly options: string
}

type Row = Readonly<Record<string, unknown>>
type Rows = (statement: Sql) => Promise<readonly Row[]>

const genericPlanSince = 16
const prepared = 'pgstrata_explained'

/** Rows of EXPLAIN as the connection reads them, in 'QUERY PLAN'. */
export async function explainGeneric(
  query: Rows,
  { text, major, options }: GenericPlanOptions,
): Promise<readonly Row[]> {
  if (major >= genericPlanSince) return await query(sql.raw(`explain (${options}, generic_plan) ${text}`))
  const rows = await explainPrepared(query, { text, options, prunes: true })
  // Values leave out partitions as soon as a plan is shown, and null leaves out all of them. Without pruning they are all there; that
  // is the second choice, for then those stay as well that the text itself leaves out.
  return rows.some(lacksPartitions) ? await explainPrepared(query, { text, options, prunes: false }) : rows
}

/** Read as an object, as its text, or as lines. */
function lacksPartitions({ 'QUERY PLAN': plan }: Row): boolean {
  const text = typeof plan === 'string' ? plan : JSON.stringify(plan)
  return /"?Subplans Removed"?: ?[1-9]/.test(text)
}

interface PreparedOptions {
  readonly text: string
  readonly options: string
  readonly prunes: boolean
}

/** A prepared statement that is planned for any parameters, whatever values it gets. */
async function explainPrepared(query: Rows, { text, options, prunes }: PreparedOptions): Promise<readonly Row[]> {
  await query(sql`savepoint pgstrata_explained`)
  let isPrepared = false
  const undo = async (): Promise<void> => {
    await query(sql`rollback to savepoint pgstrata_explained; release savepoint pgstrata_explained`)
    // No rollback takes a prepared statement back.
    if (isPrepared) await query(sql`deallocate ${sql.ident(prepared)}`)
  }
  let rows: readonly Row[]
  try {
    await query(sql`set local plan_cache_mode = force_generic_plan`)
    if (!prunes) await query(sql`set local enable_partition_pruning = off`)
    await query(sql`prepare ${sql.ident(prepared)} as ${sql.raw(text)}`)
    isPrepared = true
    const [known] = await query(
      sql`select cardinality(parameter_types) as count from pg_prepared_statements where name = ${prepared}`,
    )
    const nulls = Array.from({ length: Number(known?.['count'] ?? 0) }, () => sql.raw('null'))
    const call = nulls.length === 0 ? sql.ident(prepared) : sql`${sql.ident(prepared)} (${sql.join(nulls)})`
    rows = await query(sql`explain (${sql.raw(options)}) execute ${call}`)
  } catch (error) {
    // What failed is told, not that the connection was lost with it.
    await undo().catch(() => undefined)
    throw error
  }
  await undo()
  return rows
}
