// How a rollup is kept, in words and in SQL: what a person would ask who finds its tables in psql.

import type { Db } from '../db/db.ts'
import { captureFunctions } from './capture.ts'
import { mergeStatements } from './merge-statements.ts'
import { captureEvents, deltaOf, functionOf, mergedOf, partsOf, totalsOf, totalsViewOf, viewOf } from './names.ts'
import type { Measure } from './options.ts'
import { readInstalled, type InstalledRollup } from './queries.ts'
import { readRelations } from './relations.ts'
import { extremeKinds, isAdditive } from './shape.ts'

export interface RollupExplanation {
  readonly name: string
  readonly keys: readonly string[]
  readonly measures: readonly { readonly name: string; readonly kind: Measure['kind']; readonly contract: string }[]
  readonly relations: readonly { readonly name: string; readonly what: string }[]
  /** On which triggers stand. */
  readonly watched: readonly string[]
  readonly capture: readonly string[]
  readonly merge: readonly string[]
}

export async function explainRollup(
  db: Db,
  { name, shape, schema, table }: InstalledRollup,
): Promise<RollupExplanation> {
  const { rollup } = shape
  const source = { schema, table }
  const watched = await db.withSession((session) => readRelations(session, source))
  const together = (await readInstalled(db)).filter((one) => one.schema === schema && one.table === table)
  return {
    name,
    keys: shape.keys.map((key) => `${key.name}: ${key.value}`),
    measures: rollup.measures.map((measure) => ({
      name: measure.name,
      kind: measure.kind,
      contract: contractOf(measure),
    })),
    relations: [
      { name: viewOf(rollup), what: 'view: one row for each key, exact' },
      { name: partsOf(rollup), what: 'view: the same, not regrouped' },
      { name: mergedOf(rollup), what: 'table: what is merged' },
      { name: deltaOf(rollup), what: 'table: what is still to be merged' },
      ...(rollup.totals === undefined
        ? []
        : [
            { name: totalsViewOf(rollup), what: 'view: of all time and in windows' },
            { name: totalsOf(rollup), what: 'table: what that one reads' },
          ]),
      ...captureEvents.map((event) => ({
        name: functionOf(source, event),
        what: `function: notes what an ${event} changes`,
      })),
    ],
    watched: watched.map((relation) => relation.name),
    capture: captureFunctions(
      source,
      together.map((one) => one.shape),
    ),
    merge: mergeStatements(shape),
  }
}

function contractOf(measure: Measure): string {
  if (isAdditive(measure)) return 'exact in the transaction that changes the table'
  return extremeKinds.some((kind) => kind === measure.kind)
    ? 'exact at once when rows come, after the next merge when the one itself went'
    : 'exact in the transaction that changes the table; costs as much as there are different values'
}
