// Asks which partitions a declared table is missing: the query of periods.ts with the declaration as its parameters.

import type { Queryable } from '../db/db.ts'
import type { Sql } from '../sql/sql.ts'
import type { PartitionedTable } from './options.ts'
import { missingPartitionsText, periodParameters, retainJson, type PeriodParameter } from './periods.ts'
import { knowsTiers } from './tier-states.ts'

export { retainJson } from './periods.ts'

export interface MissingPartition {
  readonly name: string
  /** As SQL writes it. */
  readonly lower: string
  readonly upper: string
  readonly taken: boolean
}

interface MissingRow {
  readonly partition_name: string
  readonly lower_bound: string
  readonly upper_bound: string
  readonly taken: boolean
}

export interface MissingQuestion {
  readonly declared: PartitionedTable
  /** The partitioned table, its own or one that is being made; undefined: none yet. */
  readonly parent: number | undefined
  readonly columnType: string
  /** Undefined: now, by the database's clock. */
  readonly at?: Date | undefined
  /** The largest id, for a layout by id. */
  readonly largest?: bigint | undefined
  /** Where partitions begin, instead of what is declared: a wall clock of the zone, or an id. */
  readonly starts?: string | undefined
}

function missingQuery(question: MissingQuestion, cold: boolean): Sql {
  const { declared, parent, columnType, at, largest, starts } = question
  const { layout } = declared
  const values: Readonly<Record<PeriodParameter, unknown>> = {
    parent: parent ?? null,
    schema_name: declared.schema,
    table_name: declared.table,
    column_type: columnType,
    grain: layout.kind === 'time' ? layout.grain : null,
    step: layout.kind === 'id' ? layout.step.toString() : null,
    zone: layout.kind === 'time' ? layout.zone : 'UTC',
    starts: starts ?? declared.from ?? null,
    ahead: declared.ahead,
    names: declared.names,
    retain: retainJson(declared),
    at: at ?? null,
    largest: largest?.toString() ?? null,
  }
  return Object.freeze({
    text: missingPartitionsText({ cold }),
    values: periodParameters.map(([name]) => values[name]),
  })
}

/** In order, not more than `partitionLimit` + 1. Never asked for layouts by hash alone: they have no periods. */
export async function readMissing(on: Queryable, question: MissingQuestion): Promise<readonly MissingPartition[]> {
  const { rows } = await on.query<MissingRow>(missingQuery(question, await knowsTiers(on)))
  return rows.map(({ partition_name: name, lower_bound: lower, upper_bound: upper, taken }) => ({
    name,
    lower,
    upper,
    taken,
  }))
}
