// Everything bound to a table, read in one snapshot: one item for each thing, carried over, refused, or waiting for
// consent. Only reads. A conversion may begin when no item is refused or waits; see item.ts for what it does then.
//
// The order of the items is that of their statements: foreign keys are released before the keys they need, and the
// parent is made before all that is put on it.

import type { Session } from '../../../db/db.ts'
import { withReading } from '../../../catalog/dump/reading.ts'
import { readChecks } from './checks.ts'
import { readTable } from './columns.ts'
import { openBound, unknownTable } from './context.ts'
import { readExpressions } from './expressions.ts'
import { readKeysInAndOut } from './foreign-keys.ts'
import { readForm } from './form.ts'
import { readFunctions } from './functions.ts'
import { readSequences } from './identity.ts'
import { readIndexes } from './index-rows.ts'
import { renderIndexes } from './indexes.ts'
import type { BoundItem, BoundSubject } from './item.ts'
import { ownPrefix } from './names.ts'
import { readConflictUses } from './on-conflict.ts'
import { readPartitionColumns } from './partition-column.ts'
import { readPolicies } from './policies.ts'
import { readPrivileges } from './privileges.ts'
import { readPublications } from './publications.ts'
import { readRewrites } from './rewrites.ts'
import { readStatistics } from './statistics.ts'
import { readEventTriggers, readTriggers } from './triggers.ts'
import { renderUnknown } from './unknown.ts'

export {
  keysNeeded,
  leafSettings,
  leafStatements,
  statementsBeforeLock,
  statementsOf,
  type BoundItem,
  type BoundSubject,
  type Method,
  type Phase,
} from './item.ts'

export async function readBound(session: Session, subject: BoundSubject): Promise<readonly BoundItem[]> {
  return await withReading(session, { excludeSchemas: [] }, async (reading) => {
    const form = await readForm(reading, subject)
    if (form === undefined) throw unknownTable(subject)
    // Of what is no table of its own the rest cannot be read, or would say nothing.
    if (form.length > 0) return form
    const bound = await openBound(reading, subject)
    const indexes = await readIndexes(bound.reading, bound.row.oid)
    const functions = await readFunctions(bound)
    const columns = await readPartitionColumns(bound)
    return [
      ...(await readPrivileges(bound)),
      ...columns,
      ...(await readTable(bound)),
      ...(await readExpressions(bound)),
      ...(await readChecks(bound)),
      ...(await readKeysInAndOut(bound, indexes)),
      ...renderIndexes(bound, indexes, await readConflictUses(bound)),
      ...(await readStatistics(bound)),
      ...(await readSequences(bound)),
      ...(await readTriggers(bound, [ownPrefix, 'pgstrata_capture'])),
      ...(await readPolicies(bound)),
      ...(await readRewrites(bound, indexes)),
      ...functions,
      ...(await readPublications(bound)),
      ...renderUnknown(bound, functions),
      ...(await readEventTriggers(bound)),
    ]
  })
}
