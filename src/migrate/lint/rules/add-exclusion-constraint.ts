import { addedConstraints } from '../alter.ts'
import { derivedName, showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const addExclusionConstraint: Rule = {
  name: 'add-exclusion-constraint',
  harm: 'scan-blocking-all',
  summary: 'An EXCLUDE constraint added to a table that exists.',
  why: 'Its index is built and every row compared under ACCESS EXCLUSIVE, and there is no NOT VALID nor USING INDEX for it.',
  bad: 'alter table bookings add constraint bookings_apart exclude using gist (room with =, during with &&);',
  good: `-- make a new table that has the constraint, copy into it in batches, and swap the two names`,
  check: ({ statement }) =>
    addedConstraints(statement, 'CONSTR_EXCLUSION').map(({ table, constraint }) => ({
      message: `Exclusion constraint ${constraint.name === undefined ? derivedName(table.name, 'excl') : showIdent(constraint.name)} is built while nobody may use ${showTable(table)}`,
      fix: `There is no way to add it to a live table in steps. Make a table like ${showTable(table)} that has it, copy in batches, and swap the names; or plan a quiet hour.`,
      table,
      lock: 'ACCESS EXCLUSIVE' as const,
    })),
}
