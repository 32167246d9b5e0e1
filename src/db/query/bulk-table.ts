// What the catalog says of a table that rows are to go into: the types of its columns, and whether COPY does there what
// INSERT does. Asked once per table and remembered, bounded; forgotten when an insert failed, for the table may have changed.

import { StrataError } from '../../base/errors.ts'
import { createMemory } from '../../sql/classify/memory.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { quoteQualified } from '../../sql/quote.ts'

export interface BulkColumn {
  readonly name: string
  /** As a cast writes it: of a domain its base type, without length or precision, for a cast would cut where storing refuses. */
  readonly castType: string
  /** pg_type.typname of the value, or of an array's elements. */
  readonly baseType: string
  readonly isArray: boolean
  /** Between elements of an array. */
  readonly delimiter: string
  /** Why no value may be given; undefined: one may. */
  readonly refusal: string | undefined
}

export interface BulkTable {
  /** Quoted. */
  readonly name: string
  readonly columns: ReadonlyMap<string, BulkColumn>
  /** COPY passes over rules, is refused under row security, and knows tables alone. */
  readonly copyable: boolean
  /** Names that an error may show. */
  readonly names: ReadonlySet<string>
}

export interface TableReader {
  read(parts: readonly string[], ask: (statement: Sql) => Promise<readonly object[]>): Promise<BulkTable>
  forget(parts: readonly string[]): void
}

interface ColumnRow {
  readonly name: string
  readonly generated: boolean
  readonly always: boolean
  readonly cast_type: string
  readonly type_name: string
  readonly element_name: string | null
  readonly delimiter: string
  readonly copyable: boolean
}

const mostTables = 500

export function createTableReader(): TableReader {
  const known = createMemory<BulkTable>({ maxEntries: mostTables * 2, maxCharacters: 1_000_000 })
  return {
    read: async (parts, ask) => {
      const name = quoteQualified(...parts)
      const remembered = known.get(name)
      if (remembered !== undefined) return remembered
      const table = toTable(name, parts, (await ask(tableStatement(name))) as readonly ColumnRow[])
      known.set(name, table)
      return table
    },
    forget: (parts) => known.delete(quoteQualified(...parts)),
  }
}

function tableStatement(name: string): Sql {
  return sql`
    with recursive base (attnum, type, typtype, typbasetype) as (
      select a.attnum, t.oid, t.typtype, t.typbasetype
      from pg_attribute as a join pg_type as t on t.oid = a.atttypid
      where a.attrelid = ${name}::regclass and a.attnum > 0 and not a.attisdropped
      union all
      select b.attnum, t.oid, t.typtype, t.typbasetype
      from base as b join pg_type as t on t.oid = b.typbasetype
      where b.typtype = 'd'
    )
    select a.attname::text as name,
      a.attgenerated <> '' as generated,
      a.attidentity = 'a' as always,
      format_type(t.oid, -1) as cast_type,
      t.typname::text as type_name,
      e.typname::text as element_name,
      coalesce(e.typdelim, ',')::text as delimiter,
      c.relkind in ('r', 'p') and not c.relhasrules and not row_security_active(c.oid) as copyable
    from pg_class as c
      join pg_attribute as a on a.attrelid = c.oid
      join base as b on b.attnum = a.attnum and b.typtype <> 'd'
      join pg_type as t on t.oid = b.type
      left join pg_type as e on e.oid = t.typelem and t.typcategory = 'A'
    where c.oid = ${name}::regclass
    order by a.attnum`
}

function toTable(name: string, parts: readonly string[], rows: readonly ColumnRow[]): BulkTable {
  const columns = new Map(rows.map((row): [string, BulkColumn] => [row.name, toColumn(row)]))
  return {
    name,
    columns,
    copyable: rows[0]?.copyable === true,
    names: new Set([...parts, ...columns.keys(), ...[...columns.values()].flatMap((column) => [column.baseType])]),
  }
}

function toColumn(row: ColumnRow): BulkColumn {
  return {
    name: row.name,
    castType: row.cast_type,
    baseType: row.element_name ?? row.type_name,
    isArray: row.element_name !== null,
    delimiter: row.delimiter,
    refusal: row.generated
      ? 'it is generated'
      : row.always
        ? 'it is an identity that the server always gives'
        : undefined,
  }
}

/** The columns by name, in that order; refuses those that are not there or take no value. */
export function pickColumns(table: BulkTable, names: readonly string[]): readonly BulkColumn[] {
  if (names.length === 0) {
    throw new StrataError('VALUE_INVALID', { message: 'The rows have no columns', expected: 'at least one' })
  }
  if (new Set(names).size < names.length) throw new StrataError('VALUE_INVALID', { message: 'A column is named twice' })
  return names.map((name) => {
    const column = table.columns.get(name)
    if (column === undefined) {
      throw new StrataError('VALUE_INVALID', {
        message: `${table.name} has no column ${JSON.stringify(name.slice(0, 63))}`,
        expected: `some of ${[...table.columns.keys()].join(', ')}`,
      })
    }
    if (column.refusal !== undefined) {
      throw new StrataError('VALUE_INVALID', {
        message: `${table.name}: column ${JSON.stringify(name)} takes no value, for ${column.refusal}`,
        advice: 'Leave it out of the rows.',
      })
    }
    return column
  })
}
