// How a rollup is kept, in words and in SQL: what a person would ask who finds its tables in psql.

import type { Db } from '../db/db.ts'
import { captureFunctions } from './capture/capture.ts'
import { mergeStatements } from './merge/merge-statements.ts'
import { captureEvents, functionOf } from './model/names.ts'
import type { Measure, Rollup } from './model/options.ts'
import { ownFunctions } from './model/own-functions.ts'
import { ownRelations } from './model/own-relations.ts'
import { readInstalled, type InstalledRollup } from './kept/queries.ts'
import { readRelations } from './capture/relations.ts'
import { isSubscriber, replicaFunction } from './capture/replica-triggers.ts'
import { extremeKinds, isAdditive } from './model/shape.ts'
import { isDistinctInTotals } from './model/values.ts'

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
  const shapes = (await readInstalled(db))
    .filter((one) => one.schema === schema && one.table === table)
    .map((one) => one.shape)
  const subscriber = isSubscriber(shapes.map((one) => one.rollup))
  return {
    name,
    keys: shape.keys.map((key) => `${key.name}: ${key.value}`),
    measures: rollup.measures.map((measure) => ({
      name: measure.name,
      kind: measure.kind,
      contract: contractOf(measure, rollup),
    })),
    relations: [
      ...ownRelations(rollup).map(({ place, what }) => ({ name: place, what })),
      ...ownFunctions(shape).map(({ place, what }) => ({ name: place, what })),
      ...captureEvents.map((event) => ({
        name: functionOf(source, event),
        what: `function: notes what an ${event} changes`,
      })),
      ...(subscriber
        ? [{ name: functionOf(source, 'row'), what: 'function: notes each row that a replica writes' }]
        : []),
    ],
    watched: watched.map((relation) => relation.name),
    capture: [...captureFunctions(source, shapes), ...(subscriber ? replicaFunction(source, shapes) : [])],
    merge: mergeStatements(shape),
  }
}

function contractOf(measure: Measure, { bucket }: Pick<Rollup, 'bucket'>): string {
  if (isAdditive(measure)) return 'exact in the transaction that changes the table'
  if (extremeKinds.some((kind) => kind === measure.kind)) {
    return 'exact at once when rows come, after the next merge when the one itself went'
  }
  const contract = 'exact in the transaction that changes the table; costs as much as there are different values'
  if (!isDistinctInTotals(measure)) return contract
  return `${contract}, and ${bucket === undefined ? '' : 'once more '}in totals, which are a merge behind`
}
