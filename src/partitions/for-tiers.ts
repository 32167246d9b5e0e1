// What tiers need of partitions: how one is made, whether anything bound to it was changed, which of them are due by a rule,
// who may do what with one and is told of it, and how one works on a table under its lock. Nothing else of this folder is known to them.

export { readFingerprint } from './convert/fingerprint.ts'
export { readGrants } from './grants.ts'
export type { Layout, PartitionedTable, PartitionIndex } from './options.ts'
export { findWholePublication } from './published-whole.ts'
export { readTable } from './queries.ts'
export { readIsOrdered } from './readings.ts'
export { readDue, readParent, type LivePartition } from './retire-queries.ts'
export { endsTheRun, publicMessage, workOnTable } from './table-work.ts'
export { fillTemplate, leafNames, marks, slimIndexes, slimStorage, templateFor } from './template.ts'
