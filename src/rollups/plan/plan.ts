// The rollups of one source, declared and installed → steps. Pure.
//
// What holds: whatever changes the functions of a source ends with SHARE ROW EXCLUSIVE on each of its relations, in the same
// transaction: no writer still runs the old body when the filling takes its snapshot. A source that is small is filled in
// that transaction, behind those locks; a larger one afterwards, range by range, and its views are made when all is in.

import { createHash } from 'node:crypto'
import type { CarriedReaders, StepDraft } from '../../plan/index.ts'
import { quoteLiteral } from '../../sql/quote.ts'
import { captureFunctions, dropTriggers } from '../capture/capture.ts'
import type { Relation, Source } from '../model/options.ts'
import { changeTables, lockSource, takePlace } from './change.ts'
import type { Floor } from '../merge/floor.ts'
import { fillFollowers, refillFollowers } from '../kept/followers.ts'
import { createGuard, dropGuard } from '../kept/guard.ts'
import { captureEvents, deltaOf, functionOf, mergedOf, viewOf, type CaptureFunction } from '../model/names.ts'
import { conditionsOn } from '../merge/merge.ts'
import { deleteRollup, insertRollup, updateRollup, type InstalledRollup, type Unwatched } from '../kept/queries.ts'
import { dropReplicaTrigger, isSubscriber, replicaFunction, replicaTrigger } from '../capture/replica-triggers.ts'
import type { Shape } from '../model/shape.ts'
import { overSource, sourceOf } from '../model/source-rows.ts'
import { contributionOf, insertMerged } from '../model/statements.ts'
import type { StrayTrigger } from '../capture/relations.ts'
import { createTables, dropRollup } from '../kept/tables.ts'
import { createReaders, dropFunctions } from '../read/sql-functions.ts'
import { fillValues, rebuildValues } from '../model/values-statements.ts'
import { dropStrays, strayNames, triggersOf, unwatchStatements, watchStatements } from '../capture/watch-statements.ts'

/** Filled while writers wait: some 50,000 rows, a fraction of a second. */
const smallSourceBytes = 8 * 1024 * 1024

export function isSmall(sizeBytes: number): boolean {
  return sizeBytes <= smallSourceBytes
}

export interface SourceReading {
  readonly source: Source
  readonly relations: readonly Relation[]
  readonly unwatched: Unwatched
  /** Of the unwatched, those that may have rows which were never counted. */
  readonly withRows: readonly string[]
  readonly strays: readonly StrayTrigger[]
  /** By eventsOf(). */
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
  /** Plain views of others that read what changes or goes. */
  readonly readers: CarriedReaders
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
  const { source, shapes, installed, changes, replacements } = reading
  const added = shapes.filter((shape) => !installed.some(({ name }) => name === shape.rollup.name))
  const gone = installed.filter(
    (one) => !shapes.some(({ rollup }) => rollup.name === one.name) && !replacements.some(({ next }) => next === one),
  )
  if (shapes.length === 0) return planEnd(reading, gone)
  const subscriber = isSubscribed(shapes)
  const functions = [...captureFunctions(source, shapes), ...(subscriber ? replicaFunction(source, shapes) : [])]
  const comments = commentsOf(source, eventsOf(shapes), functions)
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
  const { changes, replacements, readers } = reading
  const subscriber = isSubscribed(reading.shapes)
  return {
    title: titleOf(source, change, reading),
    statements: [
      ...(changes.length + replacements.length === 0 ? [] : [lockSource(source, relations)]),
      ...readers.drop,
      ...changes.flatMap(({ from, to }) => changeTables(from.shape, to)),
      ...replacements.flatMap(({ kept, next, to }) => [
        ...takePlace(kept.shape, next.shape, to),
        deleteRollup(kept.declared),
        updateRollup(next.name, { shape: to, state: 'live', filledTo: 'null' }),
      ]),
      ...added.flatMap(createTables),
      ...added.flatMap(createGuard),
      ...functions,
      ...(subscriber ? replicaTrigger(source) : wasSubscribed(reading) ? dropReplicaTrigger(source) : []),
      ...relations.flatMap((relation) => triggersOf(source, relation, { subscriber })),
      ...added.flatMap((shape) =>
        atOnce
          ? [...fillAtOnce(shape), ...createReaders(shape), insertRollup(shape, 'live', replacing(shape))]
          : [insertRollup(shape, 'filling', replacing(shape))],
      ),
      ...changes.flatMap((one) => finishChange(one, atOnce)),
      ...[...added, ...[...changes, ...replacements].map(({ to }) => to)].flatMap(
        ({ rollup }) => reading.grants.get(rollup.name) ?? [],
      ),
      ...gone.flatMap(dropAll),
      ...readers.create,
    ],
    undo: null,
    whyNoUndo: 'declare the rollup no more (or again), and apply',
    ...(readers.changes.length === 0 ? {} : { changes: readers.changes }),
  }
}

/** What a new measure is above the floor: at once, or range by range afterwards. */
function finishChange({ from, to, floor }: InPlace, atOnce: boolean): readonly string[] {
  const { filling: _filling, ...full } = to
  const { name } = to.rollup
  if (to.filling === undefined) {
    return [...createReaders(to), updateRollup(name, { shape: to, state: from.state, filledTo: 'filled_to' })]
  }
  const bucket = typeof floor === 'string' ? undefined : floor.bucket
  if (!atOnce) {
    const filledTo = bucket === undefined ? 'null' : quoteLiteral(bucket)
    return [...createReaders(to), updateRollup(name, { shape: to, state: 'refilling', filledTo })]
  }
  const { inBucket, counted } = conditionsOn(full, { from: bucket, to: undefined })
  const where = inBucket === undefined ? '' : ` where ${inBucket}`
  return [
    `delete from ${deltaOf(to.rollup)}${where}`,
    `delete from ${mergedOf(to.rollup)}${where}`,
    insertMerged(
      full,
      overSource(full, counted, (rows) => contributionOf(full, { ...rows, sign: 1 })),
    ),
    ...rebuildValues(full, { inBucket, counted }),
    ...refillFollowers(full),
    ...createReaders(full),
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

const mostNamed = 3

/** A table may have hundreds of partitions; the statements name all of them. */
function firstOf(names: readonly string[], hidden = ''): readonly string[] {
  const more = names.length - mostNamed
  return more < 1 ? names : [...names.slice(0, mostNamed), `and ${more.toLocaleString('en-US')} more${hidden}`]
}

/** Behind the locks of the triggers nobody writes, and the statement sees all that was written. */
function fillAtOnce(shape: Shape): readonly string[] {
  return [
    insertMerged(shape, contributionOf(shape, { from: sourceOf(shape), sign: 1 })),
    ...fillValues(shape),
    ...fillFollowers(shape),
  ]
}

/** Partitions that came by another way, and what is none any more. */
function planWatch({ source, shapes, unwatched, withRows, strays }: SourceReading): readonly StepDraft[] {
  const statements = [
    ...watchStatements(source, unwatched, { subscriber: isSubscribed(shapes) }),
    ...dropStrays(strays),
  ]
  if (statements.length === 0) return []
  const filled = unwatched.relations.filter(({ name }) => withRows.includes(name))
  const empty = unwatched.relations.filter((relation) => !filled.includes(relation))
  const named = [...filled, ...empty].map(({ name }) => (withRows.includes(name) ? `${name} (${haveRows})` : name))
  const hiddenRows = filled.length > mostNamed ? ', some of which have rows' : ''
  const watched = [...(unwatched.replica ? ['what replicas write'] : []), ...firstOf(named, hiddenRows)]
  const what = [
    ...(watched.length === 0 ? [] : [`watch ${list(watched)}`]),
    ...(strays.length === 0 ? [] : [`leave ${list(firstOf(strayNames(strays)))}, which is no part of it any more`]),
  ]
  return [
    {
      title: `Rollups of table ${source.schema}.${source.table}: ${what.join('; ')}`,
      statements,
      undo: unwatchStatements(source, unwatched),
    },
  ]
}

/** Attached with them, or written while triggers were off: nobody can tell. */
const haveRows = 'which has rows: if they are not counted, `pgstrata rollup verify --fix` finds them'

const isSubscribed = (shapes: readonly Shape[]): boolean => isSubscriber(shapes.map(({ rollup }) => rollup))
const wasSubscribed = ({ installed }: Pick<SourceReading, 'installed'>): boolean =>
  isSubscriber(installed.map(({ declared }) => declared))

function planEnd(
  { source, relations, strays, readers }: SourceReading,
  gone: readonly InstalledRollup[],
): readonly StepDraft[] {
  if (gone.length === 0) return []
  return [
    {
      title: titleOf(source, { added: [], gone }, { changes: [], replacements: [] }),
      statements: [
        ...relations.flatMap(dropTriggers),
        ...dropStrays(strays),
        ...(wasSubscribed({ installed: gone }) ? dropReplicaTrigger(source) : []),
        ...captureEvents.map((event) => `drop function if exists ${functionOf(source, event)}()`),
        ...readers.drop,
        ...gone.flatMap(dropAll),
        ...readers.create,
      ],
      undo: null,
      whyNoUndo: `what was counted is gone; declare ${list(gone.map(({ declared }) => viewOf(declared)))} again, and it is filled anew`,
    },
  ]
}

function dropAll({ declared, shape }: InstalledRollup): readonly string[] {
  return [dropGuard(declared), ...dropFunctions(shape), ...dropRollup(declared), deleteRollup(declared)]
}

/** Of which there is a function each. */
export function eventsOf(shapes: readonly Shape[]): readonly CaptureFunction[] {
  return isSubscribed(shapes) ? [...captureEvents, 'row'] : captureEvents
}

/** What the functions were made for, so that another apply knows. */
function commentsOf(
  source: Source,
  events: readonly CaptureFunction[],
  functions: readonly string[],
): readonly { readonly text: string; readonly statement: string }[] {
  return events.map((event, index) => {
    const digest = createHash('sha256')
      .update(functions[2 * index] ?? '')
      .digest('hex')
      .slice(0, 12)
    const text = `Notes for the rollups of ${source.schema}.${source.table} what ${event === 'row' ? 'a row of a replica' : `an ${event}`} changes (pgstrata ${digest})`
    return { text, statement: `comment on function ${functionOf(source, event)}() is ${quoteLiteral(text)}` }
  })
}
