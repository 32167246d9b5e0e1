// Identity columns, and sequences that columns own (serial).
//
// A sequence that a column owns stays the very same; only its owner moves. One behind an identity column goes with the
// old table, for the server lets nothing else own it: the new one gets its name, options, grants and comment, and
// continues exactly where it stood. Invariant: from the moment it is read until the swap commits the old one is locked
// (RENAME takes ACCESS EXCLUSIVE on it), so no value is given twice, even to who calls nextval without the table.

import { readRows } from '../../../catalog/dump/reading.ts'
import { identityClause, renderOwnedSequence, type SequenceRow } from '../../../catalog/dump/sequences.ts'
import { quoteLiteral } from '../../../sql/quote.ts'
import { sql } from '../../../sql/sql.ts'
import { revocations } from './columns.ts'
import { bare, type Bound } from './context.ts'
import { carried, type BoundItem } from './item.ts'

export async function readSequences(bound: Bound): Promise<readonly BoundItem[]> {
  const items: BoundItem[] = []
  for (const sequence of bound.sequences) {
    items.push(sequence.isIdentity ? await renderIdentity(bound, sequence) : renderSerial(bound, sequence))
  }
  return items.toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

function renderSerial(bound: Bound, sequence: SequenceRow): BoundItem {
  return carried(
    { kind: 'sequence', name: sequence.name, how: 'The same sequence goes on, and belongs to the new table.' },
    { statements: { adopt: [`alter sequence ${sequence.name} owned by ${bound.self}.${sequence.columnName ?? ''}`] } },
  )
}

async function renderIdentity(bound: Bound, sequence: SequenceRow): Promise<BoundItem> {
  const column = bound.columns.find((each) => each.number === sequence.column)
  const [names] = await readRows<{ schema: string; plain: string }>(
    bound.reading,
    sql`
    select quote_ident(n.nspname) as schema, c.relname::text as plain
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.oid = ${sequence.oid}::oid`,
  )
  const aside = bound.setAside(names?.plain ?? '')
  const old = `${names?.schema ?? ''}.${aside}`
  const alter = (table: string): string => `alter table ${table} alter column ${column?.name ?? ''}`
  const clause = identityClause(column?.identity ?? '', { ...sequence, plainName: false })
  const rendered = renderOwnedSequence({ ...bound.reading, owners: true }, sequence, {
    name: bound.self,
    persistence: bound.row.persistence,
  })
  return carried(
    { kind: 'identity', name: column?.name ?? '', how: `${sequence.name} continues where it stands, under the lock.` },
    {
      statements: {
        release: [
          `alter sequence ${sequence.name} rename to ${aside}`,
          `${alter(bound.incoming)} add ${clause}`,
          `select pg_catalog.setval(${quoteLiteral(sequence.name)}, last_value, is_called)\nfrom ${old}`,
          ...(await revocations(bound, 'S', sequence.name)),
          ...rendered.statements.map(bare),
          `${alter(bound.self)} drop identity`,
        ],
      },
    },
  )
}
