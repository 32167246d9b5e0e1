// Which tables a statement of somebody else's reads, as DuckDB understands it.

import { StrataError } from '../../base/errors.ts'
import { notSelect, quoteText, type Duck } from './duck.ts'

export interface AskedTable {
  /** Undefined: it says none. */
  readonly schema: string | undefined
  readonly table: string
}

export async function readAskedTables(duck: Duck, statement: string): Promise<readonly AskedTable[]> {
  if (statement.trim() === '') throw notSelect('nothing')
  const [row] = await duck.rows<{ said: string }>(`select json_serialize_sql(${quoteText(statement)}) as said`)
  const said = JSON.parse(row?.said ?? '{}') as { error?: boolean; error_type?: string; error_message?: string }
  if (said.error !== true) return tablesIn(said)
  if (said.error_type !== 'parser') throw notSelect('another kind of statement')
  throw new StrataError('ARCHIVE_QUERY', { message: said.error_message ?? 'DuckDB does not understand the statement' })
}

function tablesIn(parsed: unknown): readonly AskedTable[] {
  const tables = new Map<string, AskedTable>()
  const walk = (node: unknown, named: ReadonlySet<string>): void => {
    if (typeof node !== 'object' || node === null) return
    const { type, schema_name: schema, table_name: table, cte_map: map } = node as Readonly<Record<string, unknown>>
    const within = new Set(named)
    for (const { key, value } of entriesOf(map)) {
      const name = key.toLowerCase()
      // Of its own name it is the table, unless it is recursive; and it knows those before it alone.
      walk(value, isRecursive(value) ? new Set([...within, name]) : within)
      within.add(name)
    }
    if (type === 'BASE_TABLE' && typeof table === 'string') {
      const asked = { schema: typeof schema === 'string' && schema !== '' ? schema : undefined, table }
      const isNamed = asked.schema === undefined && named.has(table.toLowerCase())
      if (!isNamed) tables.set(JSON.stringify(asked), asked)
    }
    for (const [name, child] of Object.entries(node)) if (name !== 'cte_map') walk(child, within)
  }
  walk(parsed, new Set())
  return [...tables.values()]
}

interface Entry {
  readonly key: string
  readonly value?: unknown
}

/** Of what `with` names. */
function entriesOf(map: unknown): readonly Entry[] {
  return ((map ?? {}) as { readonly map?: readonly Entry[] }).map ?? []
}

function isRecursive(value: unknown): boolean {
  const { query } = (value ?? {}) as { readonly query?: { readonly node?: { readonly type?: unknown } } }
  return query?.node?.type === 'RECURSIVE_CTE_NODE'
}
