// All rules, in the order docs/lint.md shows them. One rule, one file.

import type { Rule } from '../types.ts'
import { addCheckConstraint } from './add-check-constraint.ts'
import { addExclusionConstraint } from './add-exclusion-constraint.ts'
import { addForeignKey } from './add-foreign-key.ts'
import { addPrimaryKey } from './add-primary-key.ts'
import { addRequiredColumn } from './add-required-column.ts'
import { addSerialColumn } from './add-serial-column.ts'
import { addUniqueConstraint } from './add-unique-constraint.ts'
import { alterDomainConstraint } from './alter-domain-constraint.ts'
import { attachPartitionScan } from './attach-partition-scan.ts'
import { banCharField } from './ban-char-field.ts'
import { changeColumnType } from './change-column-type.ts'
import { clusterOrVacuumFull } from './cluster-or-vacuum-full.ts'
import { createPartitionOf } from './create-partition-of.ts'
import { createTrigger } from './create-trigger.ts'
import { detachNotConcurrent } from './detach-not-concurrent.ts'
import { domainWithConstraint } from './domain-with-constraint.ts'
import { dropColumn } from './drop-column.ts'
import { dropDatabase } from './drop-database.ts'
import { dropIndexNotConcurrent } from './drop-index-not-concurrent.ts'
import { dropNotNull } from './drop-not-null.ts'
import { dropSchema } from './drop-schema.ts'
import { dropTable } from './drop-table.ts'
import { duplicateAssignment } from './duplicate-assignment.ts'
import { enumValueOrder } from './enum-value-order.ts'
import { identifierTooLong } from './identifier-too-long.ts'
import { indexNotConcurrent } from './index-not-concurrent.ts'
import { indexOnPartitioned } from './index-on-partitioned.ts'
import { jsonColumn } from './json-column.ts'
import { lockTable } from './lock-table.ts'
import { moveToSchema } from './move-to-schema.ts'
import { nestedTransaction } from './nested-transaction.ts'
import { outsideTransactionOnly } from './outside-transaction-only.ts'
import { preferBigintOverInt } from './prefer-bigint-over-int.ts'
import { preferBigintOverSmallint } from './prefer-bigint-over-smallint.ts'
import { preferIdentity } from './prefer-identity.ts'
import { preferRobustStmts } from './prefer-robust-stmts.ts'
import { preferTextField } from './prefer-text-field.ts'
import { preferTimestampTz } from './prefer-timestamp-tz.ts'
import { refreshNotConcurrent } from './refresh-not-concurrent.ts'
import { reindexNotConcurrent } from './reindex-not-concurrent.ts'
import { renameColumn } from './rename-column.ts'
import { renameEnumValue } from './rename-enum-value.ts'
import { renameSchema } from './rename-schema.ts'
import { renameTable } from './rename-table.ts'
import { renameType } from './rename-type.ts'
import { requireTableSchema } from './require-table-schema.ts'
import { rewriteStorage } from './rewrite-storage.ts'
import { setNotNull } from './set-not-null.ts'
import { storedGeneratedColumn } from './stored-generated-column.ts'
import { truncateCascade } from './truncate-cascade.ts'
import { truncateTable } from './truncate-table.ts'
import { unbatchedWrite } from './unbatched-write.ts'
import { unfinishedTransaction } from './unfinished-transaction.ts'
import { validateInSameTransaction } from './validate-in-same-transaction.ts'
import { volatileDefault } from './volatile-default.ts'
import { wideIndex } from './wide-index.ts'
import { writeWithDdl } from './write-with-ddl.ts'

export const rules: readonly Rule[] = [
  indexNotConcurrent,
  indexOnPartitioned,
  dropIndexNotConcurrent,
  reindexNotConcurrent,
  detachNotConcurrent,
  refreshNotConcurrent,
  addCheckConstraint,
  addForeignKey,
  addUniqueConstraint,
  addPrimaryKey,
  addExclusionConstraint,
  setNotNull,
  validateInSameTransaction,
  attachPartitionScan,
  addRequiredColumn,
  volatileDefault,
  addSerialColumn,
  storedGeneratedColumn,
  changeColumnType,
  clusterOrVacuumFull,
  rewriteStorage,
  unbatchedWrite,
  writeWithDdl,
  createTrigger,
  createPartitionOf,
  lockTable,
  alterDomainConstraint,
  renameColumn,
  renameTable,
  renameSchema,
  renameType,
  renameEnumValue,
  moveToSchema,
  dropNotNull,
  jsonColumn,
  dropTable,
  dropColumn,
  dropSchema,
  dropDatabase,
  truncateTable,
  truncateCascade,
  outsideTransactionOnly,
  nestedTransaction,
  unfinishedTransaction,
  duplicateAssignment,
  identifierTooLong,
  domainWithConstraint,
  enumValueOrder,
  wideIndex,
  preferBigintOverInt,
  preferBigintOverSmallint,
  preferIdentity,
  preferTextField,
  preferTimestampTz,
  banCharField,
  requireTableSchema,
  preferRobustStmts,
]
