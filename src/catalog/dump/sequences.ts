// Sequences: standing alone, owned by a column (serial), or made by GENERATED … AS IDENTITY. The first two are objects;
// who owns one is said by its table, which comes later. The third is a clause of its column.
// Where a sequence stands is data, and is not read.

import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, type AttributeRow, type Rendered } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { inSchemas, notOfExtension, readRows, type Reading } from './reading.ts'

export interface SequenceRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly persistence: string
  readonly type: string
  readonly start: string
  readonly increment: string
  readonly minimum: string
  readonly maximum: string
  readonly cache: string
  readonly cycle: boolean
  /** The column it belongs to. */
  readonly relation: number | null
  readonly column: number | null
  readonly columnName: string | null
  readonly isIdentity: boolean
  /** It has the name that GENERATED AS IDENTITY gives by itself. */
  readonly plainName: boolean
}

export async function readSequenceRows(reading: Reading): Promise<readonly SequenceRow[]> {
  return await readRows<SequenceRow>(reading, query(reading))
}

function query(reading: Reading): Sql {
  const of = reading.relations
  const chosen = of === undefined ? sql`true` : sql`(c.oid = any(${of}::oid[]) or d.refobjid = any(${of}::oid[]))`
  return sql`
    select c.oid,
      format('%I.%I', n.nspname, c.relname) as name,
      c.relpersistence as persistence,
      format_type(s.seqtypid, null) as type,
      s.seqstart::text as start,
      s.seqincrement::text as increment,
      s.seqmin::text as minimum,
      s.seqmax::text as maximum,
      s.seqcache::text as cache,
      s.seqcycle as cycle,
      d.refobjid as relation,
      d.refobjsubid as column,
      quote_ident(a.attname) as "columnName",
      coalesce(d.deptype = 'i', false) as "isIdentity",
      coalesce(c.relname::text = t.relname || '_' || a.attname || '_seq', false) as "plainName",
      ${attributeColumns({ catalog: 'pg_class', oid: 'c.oid', owner: 'c.relowner', acl: 'c.relacl', aclKind: "'s'" })}
    from pg_sequence s
    join pg_class c on c.oid = s.seqrelid
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_depend d on d.classid = 'pg_class'::regclass
      and d.objid = c.oid
      and d.refclassid = 'pg_class'::regclass
      and d.refobjsubid > 0
      and d.deptype in ('a', 'i')
    left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    left join pg_class t on t.oid = d.refobjid
    where ${inSchemas(reading, 'c.relnamespace')}
      and ${chosen}
      and ${notOfExtension('pg_class', 'c.oid')}`
}

export function renderSequence(reading: Reading, row: SequenceRow): Draft {
  const attributes = renderAttributes(reading, { noun: 'sequence', name: row.name }, row)
  const words = [
    `create ${row.persistence === 'u' ? 'unlogged ' : ''}sequence ${row.name}`,
    ...(row.type === 'bigint' ? [] : [`as ${row.type}`]),
    ...sequenceOptions(row),
  ]
  return {
    kind: 'sequence',
    identity: `sequence ${row.name}`,
    statements: [`${words.join(' ')};`, ...attributes.statements],
    roles: attributes.roles,
    addresses: [addressOf('pg_class', row.oid)],
  }
}

/** `generated always as identity (…)` */
export function identityClause(kind: string, row: SequenceRow): string {
  const options = [...(row.plainName ? [] : [`sequence name ${row.name}`]), ...sequenceOptions(row)]
  const within = options.length === 0 ? '' : ` (${options.join(' ')})`
  return `generated ${kind === 'a' ? 'always' : 'by default'} as identity${within}`
}

/** What a table says of the sequences of its columns once it is there. */
export function renderOwnedSequence(
  reading: Reading,
  row: SequenceRow,
  table: { name: string; persistence: string },
): Rendered {
  if (!row.isIdentity) {
    return { statements: [`alter sequence ${row.name} owned by ${table.name}.${row.columnName ?? ''};`], roles: [] }
  }
  const logged =
    row.persistence === table.persistence
      ? []
      : [`alter sequence ${row.name} set ${row.persistence === 'u' ? 'unlogged' : 'logged'};`]
  // Its owner is that of the table; the server refuses to change it alone.
  const rendered = renderAttributes({ ...reading, owners: false }, { noun: 'sequence', name: row.name }, row)
  return { statements: [...logged, ...rendered.statements], roles: rendered.roles }
}

const typeLimits: Readonly<Record<string, readonly [bigint, bigint]>> = {
  smallint: [-(2n ** 15n), 2n ** 15n - 1n],
  integer: [-(2n ** 31n), 2n ** 31n - 1n],
  bigint: [-(2n ** 63n), 2n ** 63n - 1n],
}

function sequenceOptions(row: SequenceRow): string[] {
  const [lowest, highest] = typeLimits[row.type] ?? [0n, 0n]
  const ascending = !row.increment.startsWith('-')
  const minimum = ascending ? 1n : lowest
  const maximum = ascending ? highest : -1n
  const start = ascending ? row.minimum : row.maximum
  return [
    ...(row.increment === '1' ? [] : [`increment by ${row.increment}`]),
    ...(row.minimum === String(minimum) ? [] : [`minvalue ${row.minimum}`]),
    ...(row.maximum === String(maximum) ? [] : [`maxvalue ${row.maximum}`]),
    ...(row.start === start ? [] : [`start with ${row.start}`]),
    ...(row.cache === '1' ? [] : [`cache ${row.cache}`]),
    ...(row.cycle ? ['cycle'] : []),
  ]
}
