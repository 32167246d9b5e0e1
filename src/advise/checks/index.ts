// All checks, in the order docs/findings.md shows them. One check, one file.

import type { Check } from '../model.ts'
import { archiveFailures } from './archive-failures.ts'
import { arrayBtree } from './array-btree.ts'
import { autovacuumOff } from './autovacuum-off.ts'
import { blockedSessions } from './blocked-sessions.ts'
import { booleanIndex } from './boolean-index.ts'
import { bufferHit } from './buffer-hit.ts'
import { checkpointsRequested } from './checkpoints-requested.ts'
import { checksumFailures } from './checksum-failures.ts'
import { collationVersion } from './collation-version.ts'
import { columnTypes } from './column-types.ts'
import { connectionsUsed } from './connections-used.ts'
import { deadRows } from './dead-rows.ts'
import { defaultSettings } from './default-settings.ts'
import { definerSearchPath } from './definer-search-path.ts'
import { diskUsed } from './disk-used.ts'
import { duplicateForeignKey } from './duplicate-foreign-key.ts'
import { duplicateIndex } from './duplicate-index.ts'
import { extensionInPublic } from './extension-in-public.ts'
import { foreignKeyIndex } from './foreign-key-index.ts'
import { foreignKeyTypes } from './foreign-key-types.ts'
import { freezeAge } from './freeze-age.ts'
import { hotUpdates } from './hot-updates.ts'
import { idleInTransaction } from './idle-in-transaction.ts'
import { inactiveSlot } from './inactive-slot.ts'
import { indexBloat } from './index-bloat.ts'
import { indexHit } from './index-hit.ts'
import { invalidIndex } from './invalid-index.ts'
import { ioTimingOff } from './io-timing-off.ts'
import { lockPool } from './lock-pool.ts'
import { longTransaction } from './long-transaction.ts'
import { manyIndexes } from './many-indexes.ts'
import { missingIndex } from './missing-index.ts'
import { mostlyNullIndex } from './mostly-null-index.ts'
import { multixactAge } from './multixact-age.ts'
import { narrowPrimaryKey } from './narrow-primary-key.ts'
import { neverAnalysed } from './never-analysed.ts'
import { neverVacuumed } from './never-vacuumed.ts'
import { newPageUpdates } from './new-page-updates.ts'
import { noPrimaryKey } from './no-primary-key.ts'
import { notValidConstraint } from './not-valid-constraint.ts'
import { pendingRestart } from './pending-restart.ts'
import { prefixRedundantIndex } from './prefix-redundant-index.ts'
import { preparedTransactions } from './prepared-transactions.ts'
import { publicCreate } from './public-create.ts'
import { replicaLag } from './replica-lag.ts'
import { rollbacks } from './rollbacks.ts'
import { rowSecurityOff } from './row-security-off.ts'
import { sequenceUsed } from './sequence-used.ts'
import { slotRetention } from './slot-retention.ts'
import { slowStatements } from './slow-statements.ts'
import { staleStatistics } from './stale-statistics.ts'
import { standbyMissing } from './standby-missing.ts'
import { statementsEvicted } from './statements-evicted.ts'
import { statementsMissing } from './statements-missing.ts'
import { superuserRole } from './superuser-role.ts'
import { tableBloat } from './table-bloat.ts'
import { tempFiles } from './temp-files.ts'
import { unloggedTable } from './unlogged-table.ts'
import { unsafeSettings } from './unsafe-settings.ts'
import { unusedIndex } from './unused-index.ts'
import { vacuumDue } from './vacuum-due.ts'
import { viewAroundRowSecurity } from './view-around-row-security.ts'
import { xminHorizon } from './xmin-horizon.ts'

export const checks: readonly Check[] = [
  connectionsUsed,
  idleInTransaction,
  longTransaction,
  blockedSessions,
  lockPool,
  slowStatements,
  rollbacks,
  tempFiles,
  statementsEvicted,
  bufferHit,
  indexHit,
  deadRows,
  vacuumDue,
  neverVacuumed,
  autovacuumOff,
  xminHorizon,
  freezeAge,
  multixactAge,
  staleStatistics,
  neverAnalysed,
  hotUpdates,
  newPageUpdates,
  tableBloat,
  indexBloat,
  invalidIndex,
  duplicateIndex,
  prefixRedundantIndex,
  unusedIndex,
  missingIndex,
  foreignKeyIndex,
  manyIndexes,
  arrayBtree,
  booleanIndex,
  mostlyNullIndex,
  noPrimaryKey,
  sequenceUsed,
  narrowPrimaryKey,
  notValidConstraint,
  foreignKeyTypes,
  duplicateForeignKey,
  columnTypes,
  collationVersion,
  unloggedTable,
  checkpointsRequested,
  archiveFailures,
  inactiveSlot,
  slotRetention,
  replicaLag,
  standbyMissing,
  checksumFailures,
  preparedTransactions,
  diskUsed,
  unsafeSettings,
  statementsMissing,
  pendingRestart,
  ioTimingOff,
  defaultSettings,
  publicCreate,
  superuserRole,
  definerSearchPath,
  viewAroundRowSecurity,
  rowSecurityOff,
  extensionInPublic,
]
