import { actionsOf, addedConstraints } from '../alter.ts'
import { sameTable, showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const validateInSameTransaction: Rule = {
  name: 'validate-in-same-transaction',
  harm: 'scan-blocking-all',
  summary: 'VALIDATE CONSTRAINT in the transaction that added the constraint as NOT VALID.',
  why: 'The strong lock that ADD CONSTRAINT took is held until the transaction ends, so the scan that VALIDATE makes blocks after all.',
  bad: `begin;
alter table plays add constraint plays_ms_positive check (ms > 0) not valid;
alter table plays validate constraint plays_ms_positive;
commit;`,
  good: `begin;
alter table plays add constraint plays_ms_positive check (ms > 0) not valid;
commit;
alter table plays validate constraint plays_ms_positive; -- or in the next migration`,
  check: ({ statement, together }) =>
    actionsOf(statement, 'AT_ValidateConstraint').flatMap(({ table, name }) => {
      const added = [...together(), statement]
        .flatMap((earlier) => addedConstraints(earlier))
        .find(
          (earlier) =>
            sameTable(earlier.table, table) && earlier.constraint.name === name && earlier.constraint.notValid,
        )
      if (added === undefined) return []
      return {
        message: `Validating ${showIdent(name ?? '')} of ${showTable(table)} in the transaction that added it reads the table under the strong lock`,
        fix: `Put it into the next migration: alter table ${showTable(table)} validate constraint ${showIdent(name ?? '')};`,
        table,
        lock:
          added.constraint.kind === 'CONSTR_FOREIGN' ? ('SHARE ROW EXCLUSIVE' as const) : ('ACCESS EXCLUSIVE' as const),
        ...(added.constraint.kind === 'CONSTR_FOREIGN' ? { harm: 'scan-blocking-writes' as const } : {}),
      }
    }),
}
