// All indexes of the table: unique ones by keys.ts, exclusion constraints, and the plain ones, of any method, partial or
// over expressions, which a partitioned table takes as they are.

import { bare, type Bound } from './context.ts'
import { cutIndexDefinition, renderIndexDefinition } from './index-definition.ts'
import { renderIndexParts, renames } from './index-parts.ts'
import type { BoundIndex } from './index-rows.ts'
import { carried, refused, type BoundItem } from './item.ts'
import { firstKey, missingColumns, refuseTemporal, renderKey } from './keys.ts'
import type { ConflictUse } from './on-conflict.ts'

export function renderIndexes(
  bound: Bound,
  indexes: readonly BoundIndex[],
  uses: readonly ConflictUse[] | undefined,
): readonly BoundItem[] {
  const context = { uses, first: firstKey(bound, indexes) }
  const ordered = bound.subject.method === 'relabel' ? inOrderOfAttach(bound, indexes) : indexes
  return ordered.map((index) => {
    if (!index.valid) return refuseInvalid(bound, index)
    if (index.contype === 'x') return renderExclusion(bound, index)
    return index.unique ? renderKey(bound, index, context) : renderPlain(bound, index)
  })
}

/**
 * ATTACH goes through the indexes of both tables in the order they were made in, and pairs each with the first that has
 * the same columns: before 17 a primary key with a unique constraint, at all times an index with a constraint's. The rest
 * would be built under the lock. So the new table's are made in the order that the old table's were, or, of the wider
 * ones, will have been made in.
 */
function inOrderOfAttach(bound: Bound, indexes: readonly BoundIndex[]): readonly BoundIndex[] {
  const isReplaced = (index: BoundIndex): boolean => index.unique && missingColumns(bound, index).length > 0
  return indexes.toSorted((left, right) => Number(isReplaced(left)) - Number(isReplaced(right)) || left.oid - right.oid)
}

function refuseInvalid(bound: Bound, index: BoundIndex): BoundItem {
  return refused(
    { kind: 'index', name: index.name, how: 'It is not valid: a CREATE INDEX CONCURRENTLY did not end.' },
    `reindex index concurrently ${bound.row.schema}.${index.name}, or drop it`,
  )
}

function renderPlain(bound: Bound, index: BoundIndex): BoundItem {
  const own = bound.ownName('index', index.plainName)
  const definition = renderIndexDefinition(cutIndexDefinition(index.using), { tablespace: index.tablespace })
  const cluster = index.clustered ? ' A partitioned table cannot be marked for CLUSTER by it.' : ''
  return carried(
    { kind: 'index', name: index.name, how: `It is there again, under its name.${cluster}` },
    {
      statements: {
        filled: [`create index if not exists ${own} on ${bound.incoming} ${definition}`],
        adopt: [...renames(bound, index, { own, oldIsGone: false }), ...renderIndexParts(bound, index)],
      },
    },
  )
}

function renderExclusion(bound: Bound, index: BoundIndex): BoundItem {
  const told = { kind: 'exclusion constraint', name: index.name }
  if (bound.reading.version < 170_000) {
    return refused(
      { ...told, how: 'A partitioned table cannot have one before PostgreSQL 17.' },
      'Upgrade to 17, or drop it: under `indexes` each partition can have one.',
    )
  }
  const missing = bound.partitionColumns.filter((column) => !index.equalKeys.includes(column))
  if (missing.length > 0 || missingColumns(bound, index).length > 0) {
    return refused(
      { ...told, how: `It does not compare ${missing.join(', ')} by equality: rows of two partitions could conflict.` },
      `Make it with \`${missing[0] ?? ''} with =\` (where that says the same), or drop it.`,
    )
  }
  if (bound.subject.method === 'relabel') return refuseTemporal(told)
  const own = bound.ownName('key', index.plainName)
  return carried(
    { ...told, how: 'It is there again, under its name.' },
    {
      statements: {
        filled: [
          `alter table ${bound.incoming} drop constraint if exists ${own}, add constraint ${own} ${bare(index.exclusion ?? '')}`,
        ],
        adopt: [...renames(bound, index, { own, oldIsGone: false }), ...renderIndexParts(bound, index)],
      },
    },
  )
}
