// Foreign keys of the table, and of others to it.
//
// Out: `empty` and `relabel` have it on the new table before, where there is no row to check, and ATTACH takes the old
// table's own for it. A copy must not have it before the swap: it lags behind, and the application's deletes would
// fail by rows that are gone already. For the same reason the old table loses it in the swap.
//
// In: a key of the new table must hold exactly what is referenced. Where widening takes that key away, no foreign key
// can lead here any more (PostgreSQL 18, 5.5.5): it is dropped by consent, or the table is not converted.

import { renderComment } from '../../../catalog/dump/attributes.ts'
import { bare, type Bound } from './context.ts'
import { addLater, readForeignKeys, type ForeignKey } from './foreign-key-rows.ts'
import { isPlainKey, type BoundIndex } from './index-rows.ts'
import { carried, refused, withConsent, type BoundItem } from './item.ts'
import { missingColumns } from './keys.ts'

export async function readKeysInAndOut(bound: Bound, indexes: readonly BoundIndex[]): Promise<readonly BoundItem[]> {
  const keys = await readForeignKeys(bound)
  return keys.map((key) =>
    key.incoming || key.toItself ? renderReferring(bound, key, indexes) : renderOut(bound, key),
  )
}

function commentOf(bound: Bound, key: ForeignKey, table: string): readonly string[] {
  return renderComment(bound.reading, `constraint ${key.name} on ${table}`, key.comment).map(bare)
}

function renderOut(bound: Bound, key: ForeignKey): BoundItem {
  const { version } = bound.reading
  const { method } = bound.subject
  const told = { kind: 'foreign key', name: key.name }
  if (!key.validated && key.enforced && version < 180_000 && method !== 'empty') {
    return refused(
      { ...told, how: 'It is not validated, and no partitioned table can have it so before PostgreSQL 18.' },
      `alter table ${bound.self} validate constraint ${key.name}`,
    )
  }
  const comments = commentOf(bound, key, bound.self)
  if (method !== 'copy') {
    const state = key.validated || !key.enforced || version < 180_000 ? '' : ' not valid'
    return carried(
      { ...told, how: 'It is there again, without a row being checked.' },
      {
        statements: {
          filled: [
            `alter table ${bound.incoming} drop constraint if exists ${key.name}, add constraint ${key.name} ${key.definition}${state}`,
          ],
          adopt: comments,
        },
      },
    )
  }
  const later = addLater({ table: bound.self, isPartitioned: true, key, version })
  // Before 18 the parent has it at the very end, and only then can it be commented on.
  const commentLate = version < 180_000
  return carried(
    { ...told, how: 'It is added in the swap without a scan, and validated behind it.' },
    {
      locks: [key.referenced],
      statements: {
        release: [`alter table ${bound.self} drop constraint ${key.name}`],
        adopt: [...later.adopt, ...(commentLate ? [] : comments)],
        settle: [...later.settle, ...(commentLate ? comments : [])],
      },
    },
  )
}

function renderReferring(bound: Bound, key: ForeignKey, indexes: readonly BoundIndex[]): BoundItem {
  const told = key.toItself
    ? { kind: 'foreign key to itself', name: key.name }
    : { kind: 'foreign key in', name: `${key.name} on ${key.table}` }
  const drop = `alter table ${key.table} drop constraint ${key.name}`
  const locks = key.toItself ? {} : { locks: [key.table] }
  if (!hasTarget(bound, key, indexes)) {
    const columns = key.referencedColumns.join(', ')
    return withConsent(
      bound.subject.accept,
      {
        ...told,
        consent: 'drop-incoming-foreign-keys',
        how: `It needs (${columns}) to be unique, and a partitioned table can only keep that together with ${bound.partitionColumns.join(', ')}.`,
        wayOut: `Accept drop-incoming-foreign-keys; or give ${key.table} the columns ${bound.partitionColumns.join(', ')} too and let it refer to both.`,
      },
      carried(
        { ...told, how: 'It is dropped: nothing keeps its rows from referring to what is not there.' },
        { ...locks, statements: key.toItself && bound.subject.method !== 'relabel' ? {} : { release: [drop] } },
      ),
    )
  }
  const { version } = bound.reading
  const isPartitioned = key.toItself || key.tableIsPartitioned
  if (isPartitioned && !key.validated && key.enforced && version < 180_000) {
    return refused(
      { ...told, how: 'It is not validated, and no partitioned table can have it so before PostgreSQL 18.' },
      `alter table ${key.table} validate constraint ${key.name}`,
    )
  }
  const later = addLater({ table: key.table, isPartitioned, key, version })
  const comments = commentOf(bound, key, key.table)
  return carried(
    { ...told, how: 'It refers to the new table from the swap on, and is validated behind it.' },
    {
      ...locks,
      statements: {
        ...(key.toItself && bound.subject.method !== 'relabel' ? {} : { release: [drop] }),
        adopt: later.adopt,
        settle: [...later.settle, ...comments],
      },
    },
  )
}

/** A key with exactly these columns that the new table has as well. A deferrable one does not count. */
function hasTarget(bound: Bound, key: ForeignKey, indexes: readonly BoundIndex[]): boolean {
  const wanted = key.referencedColumns
  return indexes.some(
    (index) =>
      (isPlainKey(index) || index.period) &&
      !index.deferrable &&
      missingColumns(bound, index).length === 0 &&
      index.keys.length === wanted.length &&
      wanted.every((column) => index.keys.includes(column)),
  )
}
