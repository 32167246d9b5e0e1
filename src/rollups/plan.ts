// The rollups of one source, declared and installed → steps. Pure.
//
// What holds: whatever changes the functions of a source ends with SHARE ROW EXCLUSIVE on each of its relations, in the same
// transaction: no writer still runs the old body when the filling takes its snapshot. A source that is small is filled in
// that transaction, behind those locks; a larger one afterwards, range by range, and its views are made when all is in.

import { createHash } from 'node:crypto'
import type { StepDraft } from '../plan/index.ts'
import { quoteLiteral, quoteQualified } from '../sql/quote.ts'
import { captureFunctions, captureTriggers, dropTriggers, type Relation, type Source } from './capture.ts'
import { createGuard, dropGuard } from './guard.ts'
import { captureEvents, functionOf, mergedOf, viewOf } from './names.ts'
import { deleteRollup, insertRollup, type InstalledRollup } from './queries.ts'
import type { Shape } from './shape.ts'
import { contributionOf, upsertMerged } from './statements.ts'
import { createTables, createViews, dropRollup } from './tables.ts'
import { upsertTotals } from './totals.ts'

/** Filled while writers wait: some 50,000 rows, a fraction of a second. */
const smallSourceBytes = 8 * 1024 * 1024

export function isSmall(sizeBytes: number): boolean {
  return sizeBytes <= smallSourceBytes
}

export interface SourceReading {
  readonly source: Source
  readonly relations: readonly Relation[]
  /** Relations without all of the triggers. */
  readonly unwatched: readonly Relation[]
  readonly functionComments: readonly (string | null)[]
  readonly sizeBytes: number
  /** Statements that give what is made to whom it belongs, and to who may read it; by name. */
  readonly grants: ReadonlyMap<string, readonly string[]>
  /** Of what is declared and can be kept; of what is kept already, as it is kept. */
  readonly shapes: readonly Shape[]
  readonly installed: readonly InstalledRollup[]
}

export function planSource(reading: SourceReading): readonly StepDraft[] {
  const { source, shapes, installed, relations } = reading
  const added = shapes.filter((shape) => !installed.some(({ name }) => name === shape.rollup.name))
  const gone = installed.filter(({ name }) => !shapes.some(({ rollup }) => rollup.name === name))
  if (shapes.length === 0) return planEnd(source, relations, gone)
  const functions = captureFunctions(source, shapes)
  const comments = commentsOf(source, functions)
  const isCurrent =
    added.length === 0 &&
    gone.length === 0 &&
    reading.functionComments.every((comment, index) => comment === comments[index]?.text)
  if (isCurrent) return planWatch(reading)
  return [planChange(reading, { added, gone }, [...functions, ...comments.map(({ statement }) => statement)])]
}

interface Change {
  readonly added: readonly Shape[]
  readonly gone: readonly InstalledRollup[]
}

function planChange(reading: SourceReading, change: Change, functions: readonly string[]): StepDraft {
  const { source, relations, sizeBytes } = reading
  const { added, gone } = change
  const atOnce = isSmall(sizeBytes)
  return {
    title: titleOf(source, change),
    statements: [
      ...added.flatMap(createTables),
      ...added.flatMap(createGuard),
      ...functions,
      ...relations.flatMap((relation) => captureTriggers(source, relation)),
      ...added.flatMap((shape) =>
        atOnce
          ? [...fillAtOnce(shape), ...createViews(shape), insertRollup(shape, 'live')]
          : [insertRollup(shape, 'filling')],
      ),
      ...added.flatMap(({ rollup }) => reading.grants.get(rollup.name) ?? []),
      ...gone.flatMap(dropAll),
    ],
    undo: null,
    whyNoUndo: 'declare the rollup no more (or again), and apply',
  }
}

function titleOf({ schema, table }: Source, { added, gone }: Change): string {
  const said = [
    ...(added.length === 0 ? [] : [`make ${list(added.map(({ rollup }) => rollup.name))}`]),
    ...(gone.length === 0 ? [] : [`drop ${list(gone.map(({ name }) => name))}`]),
  ]
  return `Rollups of table ${schema}.${table}: ${said.length === 0 ? 'capture anew' : said.join(', ')}`
}

const list = (names: readonly string[]): string => names.join(', ')

/** Behind the locks of the triggers nobody writes, and the statement sees all that was written. */
function fillAtOnce(shape: Shape): readonly string[] {
  const { schema, table } = shape.rollup
  return [
    upsertMerged(shape, contributionOf(shape, { from: quoteQualified(schema, table), sign: 1 })),
    ...(shape.totals === undefined ? [] : [upsertTotals(shape, { from: mergedOf(shape.rollup) })]),
  ]
}

/** Partitions that came by another way. */
function planWatch({ source, unwatched }: SourceReading): readonly StepDraft[] {
  if (unwatched.length === 0) return []
  return [
    {
      title: `Rollups of table ${source.schema}.${source.table}: watch ${list(unwatched.map(({ name }) => name))}`,
      statements: unwatched.flatMap((relation) => captureTriggers(source, relation)),
      undo: unwatched.flatMap(dropTriggers),
    },
  ]
}

function planEnd(
  source: Source,
  relations: readonly Relation[],
  gone: readonly InstalledRollup[],
): readonly StepDraft[] {
  if (gone.length === 0) return []
  return [
    {
      title: titleOf(source, { added: [], gone }),
      statements: [
        ...relations.flatMap(dropTriggers),
        ...captureEvents.map((event) => `drop function if exists ${functionOf(source, event)}()`),
        ...gone.flatMap(dropAll),
      ],
      undo: null,
      whyNoUndo: `what was counted is gone; declare ${list(gone.map(({ declared }) => viewOf(declared)))} again, and it is filled anew`,
    },
  ]
}

function dropAll({ declared }: InstalledRollup): readonly string[] {
  return [dropGuard(declared), ...dropRollup(declared), deleteRollup(declared)]
}

/** What the functions were made for, so that another apply knows. */
function commentsOf(
  source: Source,
  functions: readonly string[],
): readonly { readonly text: string; readonly statement: string }[] {
  return captureEvents.map((event, index) => {
    const digest = createHash('sha256')
      .update(functions[2 * index] ?? '')
      .digest('hex')
      .slice(0, 12)
    const text = `Notes for the rollups of ${source.schema}.${source.table} what an ${event} changes (pgstrata ${digest})`
    return { text, statement: `comment on function ${functionOf(source, event)}() is ${quoteLiteral(text)}` }
  })
}
