// Constraints of tables: primary key, unique, exclusion, check and foreign key; and from 18 on, NOT NULL where it is
// not validated or has a comment. One that came down from a parent is made by the parent's, and not repeated.

import { sql, type Sql } from '../../sql/sql.ts'
import { renderComment } from './attributes.ts'
import { renderIndexSettings, tableIdentity, type IndexRow } from './indexes.ts'
import { addressOf, type Draft } from './object.ts'
import { definition, inSchemas, notOfExtension, ofRelation, readRows, type Reading } from './reading.ts'

interface ConstraintRow {
  readonly oid: number
  readonly name: string
  readonly contype: string
  readonly table: string
  readonly relkind: string
  readonly definition: string | null
  readonly validated: boolean
  readonly local: boolean
  /** Triggers of the constraint that somebody switched off. */
  readonly disabledTriggers: number
  /** The constraint of the parent that this one came from is not validated, but this one is. */
  readonly validatedAhead: boolean
  readonly comment: string | null
}

export async function readConstraints(reading: Reading, indexes: readonly IndexRow[]): Promise<Draft[]> {
  const rows = await readRows<ConstraintRow>(reading, query(reading))
  const indexOf = new Map(indexes.filter((row) => row.constraint !== null).map((row) => [row.constraint, row]))
  return rows.map((row) => render(reading, row, indexOf.get(row.oid))).filter((draft) => draft.statements.length > 0)
}

function query(reading: Reading): Sql {
  // The cast keeps the planner from the index by name: in all partitions a constraint has the same name, and 3,000 of
  // them took 2 s on 15.
  return sql`
    select con.oid, con.contype,
      quote_ident(con.conname) as name,
      format('%I.%I', n.nspname, c.relname) as table,
      c.relkind,
      pg_get_constraintdef(con.oid) as definition,
      con.convalidated as validated,
      con.conislocal as local,
      (
        select count(*)::int4
        from pg_trigger g
        where g.tgconstraint = con.oid
          and g.tgisinternal
          and g.tgenabled <> 'O'
      ) as "disabledTriggers",
      con.contype = 'c' and not con.conislocal and con.convalidated and exists (
        select
        from pg_inherits h
        join pg_constraint up on up.conrelid = h.inhparent
          and up.contype = con.contype
          and up.conname::text = con.conname::text
        where h.inhrelid = con.conrelid
          and not up.convalidated
      ) as "validatedAhead",
      obj_description(con.oid, 'pg_constraint') as comment
    from pg_constraint con
    join pg_class c on c.oid = con.conrelid
    join pg_namespace n on n.oid = c.relnamespace
    where ${inSchemas(reading, 'c.relnamespace')}
      and ${ofRelation(reading, 'con.conrelid')}
      and c.relkind in ('r', 'p', 'f')
      and con.contype in ('c', 'f', 'n', 'p', 'u', 'x')
      and (con.contype <> 'f' or con.conparentid = 0)
      and (con.contype <> 'n' or not con.convalidated or exists (
        select
        from pg_description p
        where p.classoid = 'pg_constraint'::regclass
          and p.objoid = con.oid
      ))
      and ${notOfExtension('pg_class', 'c.oid')}`
}

function render(reading: Reading, row: ConstraintRow, index: IndexRow | undefined): Draft {
  const comment = renderComment(reading, `constraint ${row.name} on ${row.table}`, row.comment)
  const settings = index === undefined ? [] : renderIndexSettings(reading, index)
  const kind = row.contype === 'f' ? 'foreign-key' : 'constraint'
  return {
    kind,
    identity: `${kind} ${row.name} on ${row.table}`,
    parent: tableIdentity(row.relkind, row.table),
    statements: [...create(row), ...settings, ...renderDisabled(row), ...comment],
    addresses: [
      addressOf('pg_constraint', row.oid),
      ...(index === undefined ? [] : [addressOf('pg_class', index.oid)]),
    ],
  }
}

function create(row: ConstraintRow): string[] {
  if (row.contype === 'n' && row.validated) return []
  const late = row.validatedAhead ? [`alter table only ${row.table} validate constraint ${row.name};`] : []
  if (!row.local && (row.contype === 'c' || row.contype === 'n')) return late
  const written = definition(row.definition, `The constraint ${row.name} of ${row.table}`)
  // What partitions and children must have too comes down to them; the index of a partition has its own statement.
  const only = row.contype === 'p' || row.contype === 'u' || row.contype === 'x' ? 'only ' : ''
  return [`alter table ${only}${row.table} add constraint ${row.name} ${written};`, ...late]
}

/** ALTER TABLE … DISABLE TRIGGER ALL; the triggers of a constraint have no name that another database would know. */
function renderDisabled(row: ConstraintRow): string[] {
  if (row.disabledTriggers === 0) return []
  return [`-- not reproduced: ${row.disabledTriggers} triggers of constraint ${row.name} are not in the usual state`]
}
