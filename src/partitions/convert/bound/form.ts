// What a table must be to be converted: an ordinary, logged one, alone, and nobody's but its owner's. Every refusal
// names what it is and the way out.

import { readRows, type Reading } from '../../../catalog/dump/reading.ts'
import { quoteQualified } from '../../../sql/quote.ts'
import { sql, type Sql } from '../../../sql/sql.ts'
import { refused, type BoundItem, type BoundSubject } from './item.ts'

interface FormRow {
  readonly relkind: string
  readonly persistence: string
  readonly isPartition: boolean
  readonly partitionKey: string | null
  readonly ofType: boolean
  readonly parents: readonly string[]
  readonly children: readonly string[]
  readonly extension: string | null
  readonly needsExtension: string | null
  readonly subscriptions: readonly string[]
  readonly labels: number
  readonly heap: boolean
  readonly accessMethod: string | null
  readonly switchedTriggers: number
  /** Policies hide rows from the one who asks. */
  readonly rowSecurity: boolean
}

/** Undefined: there is no such table. */
export async function readForm(reading: Reading, subject: BoundSubject): Promise<readonly BoundItem[] | undefined> {
  const [row] = await readRows<FormRow>(reading, query(subject))
  return row === undefined ? undefined : judge(row, { reading, subject })
}

function query(subject: BoundSubject): Sql {
  return sql`
    select c.relkind,
      c.relpersistence as persistence,
      c.relispartition as "isPartition",
      case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as "partitionKey",
      c.reloftype <> 0 as "ofType",
      array(select i.inhparent::regclass::text from pg_inherits i where i.inhrelid = c.oid order by 1) as parents,
      array(select i.inhrelid::regclass::text from pg_inherits i where i.inhparent = c.oid order by 1) as children,
      ${extension('e')} as extension,
      ${extension('x')} as "needsExtension",
      array(
        select quote_ident(s.subname)
        from pg_subscription_rel r
        join pg_subscription s on s.oid = r.srsubid
        where r.srrelid = c.oid
        order by 1
      ) as subscriptions,
      (
        select count(*)::int4
        from pg_seclabel l
        where l.classoid = 'pg_class'::regclass
          and l.objoid = c.oid
      ) as labels,
      am.amname is null or am.amname = 'heap' as heap,
      quote_ident(am.amname) as "accessMethod",
      (
        select count(*)::int4
        from pg_trigger g
        where g.tgisinternal
          and g.tgenabled <> 'O'
          and (g.tgrelid = c.oid or g.tgconstraint in (select oid from pg_constraint where confrelid = c.oid))
      ) as "switchedTriggers",
      row_security_active(c.oid) as "rowSecurity"
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_am am on am.oid = c.relam
    where n.nspname = ${subject.names.schema}
      and c.relname = ${subject.names.table}
      and c.relkind in ('r', 'p', 'f', 'v', 'm')`
}

/** 'e': the table is a member of it. 'x': one of its indexes or triggers goes with it. */
function extension(deptype: 'e' | 'x'): Sql {
  const member = sql`d.classid = 'pg_class'::regclass and d.objid = c.oid`
  const part = sql`(d.classid = 'pg_class'::regclass and d.objid in (select indexrelid from pg_index where indrelid = c.oid))
            or (d.classid = 'pg_trigger'::regclass and d.objid in (select oid from pg_trigger where tgrelid = c.oid))`
  return sql`(
        select min(quote_ident(e.extname))
        from pg_depend d
        join pg_extension e on e.oid = d.refobjid
        where d.refclassid = 'pg_extension'::regclass
          and d.deptype = ${sql.raw(`'${deptype}'`)}
          and (${deptype === 'e' ? member : part})
      )`
}

const kinds: Readonly<Record<string, { what: string; wayOut: string }>> = {
  f: { what: 'a foreign table', wayOut: 'Convert it on the server where its rows are.' },
  v: { what: 'a view', wayOut: 'Convert the table that it reads.' },
  m: { what: 'a materialized view', wayOut: 'Make it a table with CREATE TABLE … AS, and convert that.' },
}

function judge(row: FormRow, about: { reading: Reading; subject: BoundSubject }): readonly BoundItem[] {
  const { names } = about.subject
  const name = quoteQualified(names.schema, names.table)
  const no = (kind: string, how: string, wayOut: string): BoundItem => refused({ kind, name, how }, wayOut)
  const other = kinds[row.relkind]
  if (other !== undefined) return [no('table', `It is ${other.what}.`, other.wayOut)]
  const items: BoundItem[] = []
  if (row.relkind === 'p') {
    items.push(
      no(
        'partitioned table',
        `It is partitioned already, by ${row.partitionKey ?? ''}.`,
        'Declare it as it is laid out. For another layout make a table of that layout, copy the rows, and exchange names.',
      ),
    )
  } else if (row.isPartition) {
    items.push(
      no(
        'partition',
        `It is a partition of ${row.parents.join(', ')}.`,
        'Convert the whole table, or detach it first.',
      ),
    )
  } else if (row.parents.length > 0 || row.children.length > 0) {
    const relatives = [
      ...row.parents.map((parent) => `child of ${parent}`),
      ...row.children.map((child) => `parent of ${child}`),
    ]
    items.push(
      no('inheritance', `It is ${relatives.join(', ')}.`, 'End the inheritance with ALTER TABLE … NO INHERIT first.'),
    )
  }
  if (row.persistence === 't') {
    items.push(no('temporary table', 'It ends with the session that made it.', 'Convert an ordinary table.'))
  }
  if (row.persistence === 'u') {
    items.push(
      no(
        'unlogged table',
        'A partitioned table is logged (from 18 on the server insists), and this one is not.',
        'alter table … set logged (it writes the whole table to the log), or leave it as it is.',
      ),
    )
  }
  return [...items, ...judgeBonds(row, about, no)]
}

function judgeBonds(
  row: FormRow,
  about: { reading: Reading; subject: BoundSubject },
  no: (kind: string, how: string, wayOut: string) => BoundItem,
): readonly BoundItem[] {
  const items: BoundItem[] = []
  if (row.ofType) {
    items.push(no('typed table', 'Its columns are those of a composite type.', 'alter table … not of'))
  }
  if (row.extension !== null) {
    items.push(
      no('extension', `It belongs to extension ${row.extension}.`, `alter extension ${row.extension} drop table …`),
    )
  }
  if (row.needsExtension !== null) {
    items.push(
      no(
        'extension',
        `One of its indexes or triggers goes with extension ${row.needsExtension}.`,
        `alter index … no depends on extension ${row.needsExtension} (for a trigger: alter trigger)`,
      ),
    )
  }
  for (const subscription of row.subscriptions) {
    items.push(
      no(
        'subscription',
        `Subscription ${subscription} writes into it, past triggers and past the new table.`,
        'Convert the publisher and this table while the subscription is disabled and without it, or take the table out of the publication.',
      ),
    )
  }
  if (row.labels > 0) {
    items.push(no('security label', 'It has security labels.', 'Take them off, convert, and set them again.'))
  }
  if (!row.heap && about.reading.version < 170_000) {
    items.push(
      no(
        'access method',
        `It is stored by ${row.accessMethod ?? ''}, which a partitioned table cannot name before 17.`,
        'alter table … set access method heap (it rewrites the table)',
      ),
    )
  }
  if (row.rowSecurity && about.subject.method === 'copy') {
    items.push(
      no(
        'row level security',
        'Its policies hold for the role that converts, which would copy only the rows they show.',
        'Convert as a superuser or a role with BYPASSRLS; or, as the owner, alter table … no force row level security.',
      ),
    )
  }
  if (row.switchedTriggers > 0) {
    items.push(
      no(
        'triggers of constraints',
        `${row.switchedTriggers} triggers behind its foreign keys, or behind those that lead to it, are not in their usual state.`,
        'alter table … enable trigger all, on each of both tables that has them',
      ),
    )
  }
  return items
}
