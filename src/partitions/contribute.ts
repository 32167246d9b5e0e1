// The partitions' part of the plan: every declared table read, and what is to do with it. A table that cannot be read is
// held back with the server's reason; the others are planned.

import { messageOf } from '../base/errors.ts'
import type { Session } from '../db/db.ts'
import type { Contribution, StepDraft } from '../plan/index.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { describeTable } from './fit.ts'
import { deleteLayout, readLayoutRows, upsertLayout, type LayoutRow } from './layout-rows.ts'
import type { PartitionedTable } from './options.ts'
import { planTable, type TablePlan } from './plan.ts'
import { readTableState, type ReadBound, type ReadingTools } from './readings.ts'

export interface ContributeOptions {
  readonly tables: readonly PartitionedTable[]
  readonly readBound: ReadBound | undefined
  readonly at?: Date | undefined
}

export async function contributePartitions(
  session: Session,
  { tables, readBound, at }: ContributeOptions,
): Promise<Contribution> {
  const rows = await readLayoutRows(session)
  const plans = []
  for (const declared of tables) plans.push(await planOne(session, declared, { readBound, rows, at }))
  return {
    feature: 'partitions',
    steps: [...plans.flatMap(({ steps }) => steps), ...planForgotten(tables, rows)],
    // The tables are the application's, and change with its migrations; what we keep of them is looked at above.
    manages: [],
    held: plans.flatMap(({ held }) => held),
    replans: true,
  }
}

async function planOne(session: Session, declared: PartitionedTable, tools: ReadingTools): Promise<TablePlan> {
  try {
    return planTable(await readTableState(session, declared, tools))
  } catch (error) {
    const code = sqlstateOf(error)
    if (code === undefined || isConnectionLost(error)) throw error
    const todo =
      code === sqlstate.insufficientPrivilege
        ? 'apply as the owner of the table, or grant select on it'
        : 'mend what the server says, and plan again'
    return { steps: [], held: [{ what: describeTable(declared), why: `it cannot be read: ${messageOf(error)}`, todo }] }
  }
}

/** A layout that is declared no more: the note of it goes, its partitions stay. */
function planForgotten(tables: readonly PartitionedTable[], rows: readonly LayoutRow[]): readonly StepDraft[] {
  return rows
    .filter((row) => !tables.some(({ schema, table }) => schema === row.schema_name && table === row.table_name))
    .map((row) => ({
      title: `Forget how table ${row.schema_name}.${row.table_name} is laid out (its partitions stay)`,
      statements: [deleteLayout(row)],
      undo: [upsertLayout(row)],
    }))
}
