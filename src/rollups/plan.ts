// The rollups of one source, declared and installed → steps. Pure.
//
// What holds: whatever changes the functions of a source ends with SHARE ROW EXCLUSIVE on each of its relations, in the same
// transaction: no writer still runs the old body when the filling takes its snapshot. A source that is small is filled in
// that transaction, behind those locks; a larger one afterwards, range by range, and its views are made when all is in.

import { createHash } from 'node:crypto'
import type { StepDraft } from '../plan/index.ts'
import { quoteLiteral, quoteQualified } from '../sql/quote.ts'
import { captureFunctions, captureTriggers, dropTriggers, type Relation, type Source } from './capture.ts'
import { changeTables, lockSource, takePlace } from './change.ts'
import type { Floor } from './floor.ts'
import { createGuard, dropGuard } from './guard.ts'
import { captureEvents, deltaOf, functionOf, mergedOf, viewOf } from './names.ts'
import { conditionsOn } from './merge.ts'
import { deleteRollup, insertRollup, updateRollup, type InstalledRollup } from './queries.ts'
import type { Shape } from './shape.ts'
import { contributionOf, upsertMerged } from './statements.ts'
import { createTables, createViews, dropRollup } from './tables.ts'
import { refillTotals, upsertTotals } from './totals.ts'
import { fillValues, rebuildValues } from './values-statements.ts'

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
  readonly changes: readonly InPlace[]
  readonly replacements: readonly Replacement[]
  /** Names of those that are built to take the place of another, and whose. */
  readonly beside: ReadonlyMap<string, string>
}

/** Measures, totals or who may see it were declared otherwise. */
export interface InPlace {
  readonly from: InstalledRollup
  readonly to: Shape
  readonly floor: Floor
}

/** One that was built beside is filled. */
export interface Replacement {
  readonly kept: InstalledRollup
  readonly next: InstalledRollup
  /** That one under the name that was declared. */
  readonly to: Shape
}

export function planSource(reading: SourceReading): readonly StepDraft[] {
  const { source, shapes, installed, relations } = reading
  const { changes, replacements } = reading
  const added = shapes.filter((shape) => !installed.some(({ name }) => name === shape.rollup.name))
  const gone = installed.filter(
    (one) => !shapes.some(({ rollup }) => rollup.name === one.name) && !replacements.some(({ next }) => next === one),
  )
  if (shapes.length === 0) return planEnd(source, relations, gone)
  const functions = captureFunctions(source, shapes)
  const comments = commentsOf(source, functions)
  const isCurrent =
    added.length + gone.length + changes.length + replacements.length === 0 &&
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
  const replacing = ({ rollup }: Shape): { replaces: string | null } => ({
    replaces: reading.beside.get(rollup.name) ?? null,
  })
  const { changes, replacements } = reading
  return {
    title: titleOf(source, change, reading),
    statements: [
      ...(changes.length + replacements.length === 0 ? [] : [lockSource(source)]),
      ...changes.flatMap(({ from, to }) => changeTables(from.shape, to)),
      ...replacements.flatMap(({ kept, next, to }) => [
        ...takePlace(kept.declared, next.declared, to),
        deleteRollup(kept.declared),
        updateRollup(next.name, { shape: to, state: 'live', filledTo: 'null' }),
      ]),
      ...added.flatMap(createTables),
      ...added.flatMap(createGuard),
      ...functions,
      ...relations.flatMap((relation) => captureTriggers(source, relation)),
      ...added.flatMap((shape) =>
        atOnce
          ? [...fillAtOnce(shape), ...createViews(shape), insertRollup(shape, 'live', replacing(shape))]
          : [insertRollup(shape, 'filling', replacing(shape))],
      ),
      ...changes.flatMap((one) => finishChange(one, atOnce)),
      ...[...added, ...changes.map(({ to }) => to)].flatMap(({ rollup }) => reading.grants.get(rollup.name) ?? []),
      ...gone.flatMap(dropAll),
    ],
    undo: null,
    whyNoUndo: 'declare the rollup no more (or again), and apply',
  }
}

/** What a new measure is above the floor: at once, or range by range afterwards. */
function finishChange({ from, to, floor }: InPlace, atOnce: boolean): readonly string[] {
  const { filling: _filling, ...full } = to
  const { name, schema, table } = to.rollup
  if (to.filling === undefined) {
    return [...createViews(to), updateRollup(name, { shape: to, state: from.state, filledTo: 'filled_to' })]
  }
  const bucket = typeof floor === 'string' ? undefined : floor.bucket
  if (!atOnce) {
    const filledTo = bucket === undefined ? 'null' : quoteLiteral(bucket)
    return [...createViews(to), updateRollup(name, { shape: to, state: 'refilling', filledTo })]
  }
  const { inBucket, inSource } = conditionsOn(full, { from: bucket, to: undefined })
  const where = inBucket === undefined ? '' : ` where ${inBucket}`
  const source = quoteQualified(schema, table)
  return [
    `delete from ${deltaOf(to.rollup)}${where}`,
    `delete from ${mergedOf(to.rollup)}${where}`,
    upsertMerged(full, contributionOf(full, { from: source, sign: 1, where: inSource })),
    ...(full.totals === undefined ? [] : refillTotals(full)),
    ...rebuildValues(full, { inBucket, inSource }),
    ...createViews(full),
    updateRollup(name, { shape: full, state: 'live', filledTo: 'null' }),
  ]
}

function titleOf(
  { schema, table }: Source,
  { added, gone }: Change,
  { changes, replacements }: Pick<SourceReading, 'changes' | 'replacements'>,
): string {
  const said = [
    ...(changes.length === 0 ? [] : [`change ${list(changes.map(({ to }) => to.rollup.name))}`]),
    ...(replacements.length === 0
      ? []
      : [
          `put ${list(replacements.map(({ next }) => next.name))} into the place of ${list(replacements.map(({ kept }) => kept.name))}`,
        ]),
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
    ...fillValues(shape),
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
      title: titleOf(source, { added: [], gone }, { changes: [], replacements: [] }),
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
