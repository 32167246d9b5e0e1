// Which rule of canonical.ts keeps a column, by its type and, for a numeric without limits, by what is in it.

import { onlyRow, type Queryable } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { SourceColumn } from '../model/columns.ts'
import { canonicalOf } from './canonical.ts'

/** One column as it is in the files. */
export interface ArchivedColumn {
  readonly name: string
  readonly attnum: number
  /** As SQL writes it, with its limits. */
  readonly pgType: string
  /** Of a domain what it ends in. */
  readonly base: string
  readonly collation?: string | undefined
  readonly notNull: boolean
  /** Its name in the files, where names are the same in either case. */
  readonly field: string
  /** Beside it, in files in which a value has a text that the value alone does not give. */
  readonly exceptions: string
  /** Beside it: how many digits behind the point each value has. */
  readonly scales?: string | undefined
  /** DuckDB's name of the type, and by it Parquet's. */
  readonly parquet: string
  /** The rule of canonical.ts. */
  readonly canonical: string
  /** Of an enum, in its order. */
  readonly labels?: readonly string[] | undefined
}

interface NumericFacts {
  readonly digits: number
  readonly leastScale: number
  readonly greatestScale: number
}

const simple: Readonly<Record<string, string>> = {
  bool: 'bool',
  int2: 'int2',
  int4: 'int4',
  int8: 'int8',
  oid: 'oid',
  float4: 'float4',
  float8: 'float8',
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  time: 'time',
  uuid: 'uuid',
  bytea: 'bytea',
  json: 'json',
  jsonb: 'json',
}

const lists: ReadonlySet<string> = new Set(
  ['bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'text', 'varchar', 'uuid', 'date', 'timestamp'].map(
    (name) => `_${name}`,
  ),
)

const mostDigits = 38
/** Widths that Parquet keeps as 4, 8 and 16 bytes. */
const widths = [9, 18, mostDigits] as const

/** Whether its rule depends on what is in it. */
function needsFacts({ base, typmod }: SourceColumn): boolean {
  return base === 'numeric' && limitsOf(typmod) === undefined
}

/** Of a numeric(p,s) as far as Parquet has it. A domain does not tell its own. */
function limitsOf(typmod: string): { readonly precision: number; readonly scale: number } | undefined {
  const [, precision, scale] = /^numeric\((\d+),(-?\d+)\)$/.exec(typmod) ?? []
  return precision === undefined || scale === undefined
    ? undefined
    : { precision: Number(precision), scale: Number(scale) }
}

interface Rule {
  readonly canonical: string
  readonly hasScales: boolean
}

function ruleFor(column: SourceColumn, facts: NumericFacts | undefined): Rule {
  const { base, kind, typmod } = column
  const only = (canonical: string): Rule => ({ canonical, hasScales: false })
  if (base === 'numeric') {
    const limits = limitsOf(typmod)
    if (limits !== undefined) {
      // A negative scale rounds to tens, and a value has no digits behind the point.
      const scale = Math.max(limits.scale, 0)
      return only(decimal({ digits: Math.max(limits.precision - limits.scale, 1), scale }) ?? 'text')
    }
    const named = facts === undefined ? undefined : decimal({ digits: facts.digits, scale: facts.greatestScale })
    if (facts === undefined || named === undefined) return only('text')
    return { canonical: named, hasScales: facts.leastScale < facts.greatestScale }
  }
  if (kind === 'array' || (kind === 'domain' && base.startsWith('_'))) {
    const element = base === '_varchar' ? 'text' : base.slice(1)
    return only(lists.has(base) ? `list of ${element}` : 'text')
  }
  return only(simple[base] ?? 'text')
}

/** undefined: no DECIMAL has that many digits. */
function decimal({ digits, scale }: { readonly digits: number; readonly scale: number }): string | undefined {
  // One digit before the point at least: without it DuckDB writes .5 for 0.5.
  const width = widths.find((most) => Math.max(digits, 1) + scale <= most)
  return width === undefined ? undefined : `decimal(${width},${scale})`
}

interface FactsRow {
  readonly digits: number | null
  readonly least: number | null
  readonly greatest: number | null
}

/** In the snapshot of the export. `from`: what stands behind FROM. */
async function readNumericFacts(tx: Queryable, column: SourceColumn, from: string): Promise<NumericFacts | undefined> {
  const name = quoteIdent(column.name)
  const value = `${name}::pg_catalog.numeric`
  const answer = await tx.query<FactsRow>(
    sql.raw(`select pg_catalog.length(pg_catalog.trunc(pg_catalog.max(pg_catalog.abs(v)))::pg_catalog.text) as digits,
      pg_catalog.min(pg_catalog.scale(v)) as least, pg_catalog.max(pg_catalog.scale(v)) as greatest
    from (select ${value} as v from ${from}) as numbers
    where v not in ('NaN', 'Infinity', '-Infinity')`),
  )
  const { digits, least, greatest } = onlyRow(answer)
  if (digits === null || least === null || greatest === null) return undefined
  return { digits, leastScale: least, greatestScale: greatest }
}

interface LabelRow {
  readonly labels: readonly string[] | null
}

async function readLabels(tx: Queryable, { kind, typeOid }: SourceColumn): Promise<readonly string[] | undefined> {
  if (kind !== 'enum') return undefined
  const answer = await tx.query<LabelRow>(sql`
    select json_agg(enumlabel order by enumsortorder) as labels
    from pg_catalog.pg_enum
    where enumtypid = ${typeOid}::int8::oid`)
  return onlyRow(answer).labels ?? []
}

/** Generated columns are left out: they are made again of the others. */
export async function archiveColumns(
  tx: Queryable,
  columns: readonly SourceColumn[],
  from: string,
): Promise<readonly ArchivedColumn[]> {
  const names = new Set<string>()
  const free = (wanted: string): string => {
    let name = wanted
    for (let count = 1; names.has(name.toLowerCase()); count++) name = `${wanted}_${count}`
    names.add(name.toLowerCase())
    return name
  }
  const kept = columns.filter(({ generated }) => !generated)
  // Names of columns first, so that none gives way to what stands beside another.
  const fields = kept.map(({ name }) => free(name))
  const archived: ArchivedColumn[] = []
  for (const [index, column] of kept.entries()) {
    const field = fields[index] ?? column.name
    const facts = needsFacts(column) ? await readNumericFacts(tx, column, from) : undefined
    const { canonical, hasScales } = ruleFor(column, facts)
    const labels = await readLabels(tx, column)
    archived.push({
      name: column.name,
      attnum: column.attnum,
      pgType: column.typmod,
      base: column.base,
      ...(column.collation === undefined ? {} : { collation: column.collation }),
      notNull: column.notNull,
      field,
      exceptions: free(`${field}__pg`),
      ...(hasScales ? { scales: free(`${field}__scale`) } : {}),
      parquet: canonicalOf(canonical)?.type ?? 'VARCHAR',
      canonical,
      ...(labels === undefined ? {} : { labels }),
    })
  }
  return archived
}

/** For hashing: nothing of an archive is generated. */
export function plain(
  columns: readonly ArchivedColumn[],
): readonly { readonly name: string; readonly generated: boolean }[] {
  return columns.map(({ name }) => ({ name, generated: false }))
}
