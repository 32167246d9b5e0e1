// What every index of the new table has beyond its definition, and how names pass from the old table's to it.

import { renderComment } from '../../../catalog/dump/attributes.ts'
import { bare, onEveryLeaf, type Bound } from './context.ts'
import { quoteLiteral } from '../../../sql/quote.ts'
import type { BoundIndex } from './index-rows.ts'

/** For `adopt`, when it has its name. */
export function renderIndexParts(bound: Bound, index: BoundIndex): readonly string[] {
  const name = `${bound.row.schema}.${index.name}`
  const constraint = `constraint ${index.name} on ${bound.self}`
  return [
    ...index.statistics.map((target) => `alter index ${name} alter column ${target}`),
    ...renderComment(bound.reading, `index ${name}`, index.indexComment),
    ...(index.contype === null ? [] : renderComment(bound.reading, constraint, index.constraintComment)),
    ...(index.replicaIdentity ? replicaIdentity(bound, index) : []),
  ].map(bare)
}

/** Partitions do not inherit it: each leaf is told of its own index. */
function replicaIdentity(bound: Bound, index: BoundIndex): readonly string[] {
  const name = `${bound.row.schema}.${index.name}`
  return [
    `alter table only ${bound.self} replica identity using index ${index.name}`,
    onEveryLeaf(
      quoteLiteral(bound.self),
      `execute (
      select pg_catalog.format('alter table only %s replica identity using index %I', leaf, c.relname)
      from pg_catalog.pg_partition_tree(${quoteLiteral(name)}::regclass) tree
      join pg_catalog.pg_index i on i.indexrelid = tree.relid
      join pg_catalog.pg_class c on c.oid = i.indexrelid
      where i.indrelid = leaf
    );`,
    ),
  ]
}

/** The old table's is set aside, where it is not gone; ours gets its name. */
export function renames(
  bound: Bound,
  index: BoundIndex,
  { own, oldIsGone }: { own: string; oldIsGone: boolean },
): readonly string[] {
  const aside = bound.setAside(index.plainName)
  const schema = bound.row.schema
  if (index.contype === null) {
    return [
      ...(oldIsGone ? [] : [`alter index ${schema}.${index.name} rename to ${aside}`]),
      `alter index ${schema}.${own} rename to ${index.name}`,
    ]
  }
  return [
    ...(oldIsGone ? [] : [`alter table ${bound.retired} rename constraint ${index.name} to ${aside}`]),
    `alter table ${bound.self} rename constraint ${own} to ${index.name}`,
  ]
}
