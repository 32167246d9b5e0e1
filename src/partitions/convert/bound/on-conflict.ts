// Statements that name a key by `on conflict`, as far as pg_stat_statements has seen them. Where it is not installed or
// may not be read, nothing is known, and the item says so. Its texts hold no values: it replaces constants by $1.

import { readRows } from '../../../catalog/dump/reading.ts'
import { quoteIdent } from '../../../sql/quote.ts'
import { parseSql } from '../../../sql/parse.ts'
import { sql } from '../../../sql/sql.ts'
import type { Bound } from './context.ts'
import type { BoundIndex } from './index-rows.ts'

export interface ConflictUse {
  readonly text: string
  /** Plain; undefined where the constraint is named instead. */
  readonly columns: readonly string[] | undefined
  readonly constraint: string | undefined
}

const maxStatements = 500
const maxShown = 3
const maxTextLength = 120

/** Undefined: not known. */
export async function readConflictUses(bound: Bound): Promise<readonly ConflictUse[] | undefined> {
  const { reading, subject } = bound
  const [installed] = await readRows<{ schema: string }>(
    reading,
    sql`
    select n.nspname as schema
    from pg_extension e
    join pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements'`,
  )
  if (installed === undefined) return undefined
  await reading.session.query(sql`savepoint pgstrata_statements`)
  try {
    const rows = await readRows<{ query: string }>(
      reading,
      sql`
      select distinct s.query
      from ${sql.raw(quoteIdent(installed.schema))}.pg_stat_statements s
      join pg_database d on d.oid = s.dbid and d.datname = current_database()
      where s.query ilike '%on conflict%'
        and strpos(lower(s.query), lower(${subject.names.table})) > 0
      order by s.query
      limit ${maxStatements}`,
    )
    const uses = await Promise.all(rows.map((row) => usesIn(row.query, subject.names)))
    return uses.flat()
  } catch {
    // Not preloaded, or not ours to read.
    await reading.session.query(sql`rollback to savepoint pgstrata_statements`)
    return undefined
  }
}

interface InferClause {
  readonly indexElems?: readonly { readonly IndexElem?: { readonly name?: string } }[]
  readonly conname?: string
}

async function usesIn(text: string, names: { schema: string; table: string }): Promise<readonly ConflictUse[]> {
  // A text that was cut off, or that replaced constants where the grammar wants one, does not parse.
  const statements = await parseSql(text).catch(() => [])
  const found: ConflictUse[] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const insert = node as {
      relation?: { relname?: string; schemaname?: string }
      onConflictClause?: { infer?: InferClause }
    }
    const infer = insert.onConflictClause?.infer
    const { relname, schemaname = names.schema } = insert.relation ?? {}
    if (infer !== undefined && relname === names.table && schemaname === names.schema) {
      const columns = infer.indexElems?.flatMap((element) => element.IndexElem?.name ?? [])
      found.push({ text, columns, constraint: infer.conname })
    }
    for (const child of Object.values(node)) visit(child)
  }
  for (const statement of statements) visit(statement.node)
  return found
}

/** A sentence about the statements that name this key; it begins with a blank. */
export function describeUse(uses: readonly ConflictUse[] | undefined, index: BoundIndex): string {
  if (uses === undefined) {
    return ' Whether statements name it in `on conflict` is not known: pg_stat_statements is not there to ask.'
  }
  const named = uses.filter((use) => isNamed(use, index))
  if (named.length === 0) return ' pg_stat_statements has seen no statement that names it in `on conflict`.'
  const shown = named.slice(0, maxShown).map((use) => shorten(use.text))
  const more = named.length > shown.length ? `, and ${named.length - shown.length} more` : ''
  return ` ${named.length} statements name it in \`on conflict\`: ${shown.join(' | ')}${more}`
}

function isNamed(use: ConflictUse, index: BoundIndex): boolean {
  if (use.constraint !== undefined) return use.constraint === index.plainName
  const columns = (use.columns ?? []).map((column) => quoteIdent(column))
  const keys = index.keys.map((key) => (key === null || key.startsWith('"') ? key : quoteIdent(key)))
  return columns.length === keys.length && columns.every((column) => keys.includes(column))
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= maxTextLength ? line : `${line.slice(0, maxTextLength)}…`
}
