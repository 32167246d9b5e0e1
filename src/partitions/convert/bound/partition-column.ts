// The columns that rows are divided by: there, of a type that the layout can divide, stored, and never null where the
// layout or the primary key needs them.

import type { ColumnRow } from '../../../catalog/dump/columns.ts'
import { readRows } from '../../../catalog/dump/reading.ts'
import { sql } from '../../../sql/sql.ts'
import { isNeverNull, requiredColumns } from './not-nulls.ts'
import { layoutColumns, type Bound } from './context.ts'
import { carried, refused, type BoundItem } from './item.ts'
import { ownPrefix } from './names.ts'

const timeTypes: ReadonlySet<string> = new Set([
  'date',
  'timestamp without time zone',
  'timestamp with time zone',
  'uuid',
])
const idTypes: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint'])

export async function readPartitionColumns(bound: Bound): Promise<readonly BoundItem[]> {
  const plain = layoutColumns(bound.subject.layout)
  const items: BoundItem[] = []
  for (const [index, name] of bound.partitionColumns.entries()) {
    const column = bound.columns.find((each) => each.name === name)
    const told = { kind: 'partition column', name }
    if (column === undefined) {
      const got = bound.columns.map((each) => each.name).join(', ')
      items.push(
        refused(
          { ...told, how: `The table has no such column; it has ${got}.` },
          `Declare another one than ${plain[index] ?? ''}.`,
        ),
      )
    } else {
      items.push(...(await judge(bound, column, { told, first: index === 0 })))
    }
  }
  return items
}

interface About {
  readonly told: { readonly kind: string; readonly name: string }
  readonly first: boolean
}

async function judge(bound: Bound, column: ColumnRow, { told, first }: About): Promise<readonly BoundItem[]> {
  const { layout } = bound.subject
  const items: BoundItem[] = []
  if (column.generated !== '') {
    items.push(
      refused(
        { ...told, how: 'It is generated, and rows cannot be divided by what is computed from them.' },
        'Divide by a column that it is computed from, or make it an ordinary one (alter column … drop expression).',
      ),
    )
  }
  const type = column.type.replace(/\(\d+\)/, '')
  const wanted = layout.kind === 'time' ? timeTypes : idTypes
  if (first && layout.kind !== 'hash') {
    if (!wanted.has(type)) {
      items.push(
        refused(
          { ...told, how: `It is ${column.type}; a layout by ${layout.kind} takes ${[...wanted].join(', ')}.` },
          'Declare another column, or change its type first.',
        ),
      )
    }
  } else if (!(await canHash(bound, column))) {
    items.push(
      refused({ ...told, how: `There is no default hash for its type, ${column.type}.` }, 'Divide by another column.'),
    )
  }
  return [...items, ...(await judgeNulls(bound, column, told))]
}

async function canHash(bound: Bound, column: ColumnRow): Promise<boolean> {
  const rows = await readRows(
    bound.reading,
    sql`
    select
    from pg_attribute a
    join pg_type d on d.oid = a.atttypid
    join pg_type t on t.oid = case when d.typtype = 'd' then d.typbasetype else d.oid end
    where a.attrelid = ${bound.row.oid}::oid
      and a.attnum = ${column.number}
      and (t.typtype in ('e', 'r', 'm', 'c') or t.typcategory = 'A' or exists (
        select
        from pg_opclass o
        join pg_am am on am.oid = o.opcmethod and am.amname = 'hash'
        where o.opcdefault
          and (o.opcintype = t.oid or exists (
            select
            from pg_cast c
            where c.castsource = t.oid
              and c.casttarget = o.opcintype
              and c.castmethod = 'b'
          ))
      ))`,
  )
  return rows.length > 0
}

async function judgeNulls(bound: Bound, column: ColumnRow, told: About['told']): Promise<readonly BoundItem[]> {
  if (isNeverNull(column) || column.generated === 'v' || !requiredColumns(bound).includes(column.name)) return []
  const [found] = await readRows<{ nulls: string }>(
    bound.reading,
    sql`
    select count(*)::text as nulls
    from only ${sql.raw(bound.self)}
    where ${sql.raw(column.name)} is null
      -- Behind a validated check of ours there is none to be looked for.
      and not exists (
        select
        from pg_constraint own
        where own.conrelid = ${bound.row.oid}::oid
          and own.contype = 'c'
          and own.convalidated
          and starts_with(own.conname::text, ${ownPrefix})
          and own.conkey @> array[${column.number}::int2]
      )`,
  )
  const nulls = found?.nulls ?? '0'
  if (nulls === '0') {
    return [carried({ ...told, how: 'It may be null and never is: it becomes NOT NULL.' })]
  }
  return [
    refused(
      { ...told, how: `It is null in ${nulls} rows, which no partition could hold.` },
      `Give those rows a value, or delete them; then: alter table … alter column ${column.name} set not null`,
    ),
  ]
}
