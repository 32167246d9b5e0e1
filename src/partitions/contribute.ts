// The partitions' part of the plan: every declared table read, and what is to do with it.

import type { Session } from '../db/db.ts'
import type { Contribution, StepDraft } from '../plan/index.ts'
import { deleteLayout, readLayoutRows, upsertLayout, type LayoutRow } from './layout-rows.ts'
import type { PartitionedTable } from './options.ts'
import { planTable } from './plan.ts'
import { readTableState, type ReadBound } from './readings.ts'

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
  for (const declared of tables) plans.push(planTable(await readTableState(session, declared, { readBound, rows, at })))
  return {
    feature: 'partitions',
    steps: [...plans.flatMap(({ steps }) => steps), ...planForgotten(tables, rows)],
    // The tables are the application's, and change with its migrations; what we keep of them is looked at above.
    manages: [],
    held: plans.flatMap(({ held }) => held),
    replans: true,
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
