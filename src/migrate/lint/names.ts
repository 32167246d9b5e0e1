// Names as rules compare and show them. A reference without a schema is taken to mean `public`, as the default
// search_path has it; advice quotes a name only where it must, so that the SQL shown can be pasted.

export interface TableName {
  readonly schema?: string | undefined
  readonly name: string
}

/** Equal for two references to the same table. */
export function tableKey(table: TableName): string {
  return JSON.stringify([table.schema ?? 'public', table.name])
}

export function sameTable(left: TableName | undefined, right: TableName | undefined): boolean {
  return left !== undefined && right !== undefined && tableKey(left) === tableKey(right)
}

/** Words that cannot stand unquoted as a column or table name (PostgreSQL 18, appendix C). */
const reserved: ReadonlySet<string> = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
  concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp
  current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having
  ilike in initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not
  notnull null offset on only or order outer overlaps placing primary references returning right select session_user similar
  some symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when where window
  with`.split(/\s+/),
)

export function showIdent(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) && !reserved.has(name) ? name : `"${name.replaceAll('"', '""')}"`
}

export function showTable(table: TableName): string {
  return table.schema === undefined ? showIdent(table.name) : `${showIdent(table.schema)}.${showIdent(table.name)}`
}

export function showColumns(columns: readonly string[]): string {
  return columns.map(showIdent).join(', ')
}

/** A name for an object that belongs to another one, kept within 63 bytes. */
export function derivedName(...parts: readonly string[]): string {
  const bytes = Buffer.from(parts.join('_'))
  // Cutting in the middle of a character leaves a replacement character; it is cut too.
  return showIdent(bytes.subarray(0, 63).toString().replace(/�+$/, ''))
}
