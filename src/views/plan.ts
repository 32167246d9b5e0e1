// One view, declared and found → steps, or what holds it back. Pure.
//
// What holds: a view can be read as soon as it is there, so it is made with its data, which nobody waits for. One whose sql
// changed is built anew beside it, in a transaction of its own, while it is read; then the two change places, in another, whose
// locks last a moment. A kill in between leaves the replacement, which the next apply takes if it is still what is declared.

import type { CarriedReaders, Held, StepDraft } from '../plan/index.ts'
import { quoteIdent } from '../sql/quote.ts'
import { findMissingColumn, type Checked } from './check.ts'
import { besideOf, describeView, indexNameOf, placeOf } from './names.ts'
import type { MaterializedView } from './options.ts'
import {
  buildOf,
  deleteView,
  insertView,
  isSameDeclaration,
  noteBuilt,
  noteDeclared,
  noteSwapped,
  type FoundIndex,
  type FoundRelation,
  type KeptView,
} from './queries.ts'
import type { Attached } from './replace.ts'

export interface ViewReading {
  readonly view: MaterializedView
  /** Its sql, without what stands around the statement; or why there is none. */
  readonly text: string | undefined
  readonly obstacle: string | undefined
  /** Of what is new or changed. */
  readonly checked: Checked | undefined
  readonly kept: KeptView | undefined
  readonly found: FoundRelation | undefined
  /** Of one that is to be replaced. */
  readonly attached: Attached | undefined
  /** Something that it reads is still to come. */
  readonly awaited?: Omit<Held, 'what'> | undefined
  /** A plain view of ours stands there: it was declared as one before. */
  readonly plain?: PlainBefore | undefined
}

export interface PlainBefore {
  readonly readers: CarriedReaders
  /** It goes, and is forgotten. */
  readonly drop: readonly string[]
  readonly attributes: readonly string[]
}

export interface ViewPlan {
  readonly steps: readonly StepDraft[]
  readonly held: readonly Held[]
}

export function planView(reading: ViewReading): ViewPlan {
  const { view, text, kept, found } = reading
  const held = findObstacle(reading)
  if (held !== undefined) return { steps: [], held: [{ what: `view ${view.name}`, ...held }] }
  const steps = ((): readonly StepDraft[] => {
    if (text === undefined) return []
    if (reading.plain !== undefined) return [takePlaceStep(view, text, reading.plain)]
    if (kept === undefined || found === undefined) return [createStep(view, text, kept !== undefined)]
    if (kept.declared.sql !== view.sql) return replaceSteps(reading, text, found)
    if (isSameDeclaration(kept.declared, view)) return []
    return [adjustStep(view, kept.declared, found)]
  })()
  return { steps, held: [] }
}

type Obstacle = Omit<Held, 'what'>

const nouns: Readonly<Record<string, string>> = {
  r: 'table',
  p: 'table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
  S: 'sequence',
  i: 'index',
}

interface Standing {
  readonly view: Pick<MaterializedView, 'schema' | 'name'>
  readonly kept: Pick<KeptView, 'schema'> | undefined
  readonly found: Pick<FoundRelation, 'kind'> | undefined
  /** Of what is to stand there. */
  readonly kind: 'm' | 'v'
}

/** Something else stands there, or it is kept elsewhere. */
export function findForeign({ view, kept, found, kind }: Standing): Obstacle | undefined {
  const noun = nouns[found?.kind ?? ''] ?? 'relation'
  const place = `${view.schema}.${view.name}`
  if (kept !== undefined && kept.schema !== view.schema) {
    const todo = 'declare it under another name, let readers move there, then declare this one no more'
    return { why: `it is kept in schema ${kept.schema}`, todo }
  }
  if (kept === undefined && found !== undefined) {
    const todo = `rename or drop ${noun} ${place} in a migration, or declare the view under another name`
    return { why: `there is a ${noun} ${place}, which is not pgstrata's`, todo }
  }
  return found === undefined || found.kind === kind
    ? undefined
    : { why: `a ${noun} stands in its place`, todo: `drop ${noun} ${place}, and apply` }
}

function findObstacle(reading: ViewReading): Obstacle | undefined {
  const { view, obstacle, checked, kept, found, attached, awaited, plain } = reading
  const foreign = plain === undefined ? findForeign({ view, kept, found, kind: 'm' }) : findStuck(plain.readers)
  if (foreign !== undefined) return foreign
  if (awaited !== undefined && checked !== undefined && 'why' in checked) return awaited
  if (obstacle !== undefined) return { why: obstacle, todo: 'mend its sql' }
  if (checked !== undefined && 'why' in checked) {
    return { why: checked.why, todo: 'mend its sql, or what the server says, and plan again' }
  }
  const missing = checked === undefined ? undefined : findMissingColumn(view, checked.columns)
  if (missing !== undefined) {
    const columns = checked !== undefined && 'columns' in checked ? checked.columns : []
    return { why: `it has no column ${missing}`, todo: `name columns that it has: ${columns.join(', ')}` }
  }
  return attached === undefined || checked === undefined ? undefined : findBound(attached, checked.columns)
}

/** What reads it, or is bound to it, and cannot be made again. */
export function findStuck({ stuck }: Pick<CarriedReaders, 'stuck'>): Obstacle | undefined {
  if (stuck.length === 0) return undefined
  return {
    why: `its sql changed, and it cannot be replaced while something reads it: ${stuck.join(', ')}`,
    todo: 'drop that first (of views declared here: declare them no more, and apply), or declare it under another name',
  }
}

function findBound({ readers, indexes }: Attached, columns: readonly string[]): Obstacle | undefined {
  const stuck = findStuck(readers)
  if (stuck !== undefined) return stuck
  const index = indexes.find((one) => one.columns.some((column) => !columns.includes(column)))
  return index === undefined
    ? undefined
    : {
        why: `index ${index.name}, made by hand, is on a column that its new sql does not have`,
        todo: `drop index ${index.name} in a migration`,
      }
}

function createStep(view: MaterializedView, text: string, again: boolean): StepDraft {
  return {
    title: `Make ${describeView(view)}${again ? ' again' : ''}`,
    statements: [
      `create materialized view ${placeOf(view)} as\n${text}`,
      ...indexesOf(view).map((index) => createIndex(placeOf(view), indexNameOf(view, index), index)),
      insertView(view),
    ],
    undo: [`drop materialized view ${placeOf(view)}`, deleteView(view)],
  }
}

/** Of a plain view that was declared to be materialized. */
function takePlaceStep(view: MaterializedView, text: string, { readers, drop, attributes }: PlainBefore): StepDraft {
  const { statements } = createStep(view, text, false)
  return {
    title: `Replace view ${view.schema}.${view.name} by a materialized one`,
    statements: [...readers.drop, ...drop, ...statements, ...attributes, ...readers.create],
    undo: null,
    whyNoUndo: 'declare it as it was, and apply',
    changes: readers.changes,
  }
}

export interface DeclaredIndex {
  readonly columns: readonly string[]
  readonly unique: boolean
}

export function indexesOf({ unique, indexes }: MaterializedView): readonly DeclaredIndex[] {
  return [
    ...(unique.length === 0 ? [] : [{ columns: unique, unique: true }]),
    ...indexes.map((columns) => ({ columns, unique: false })),
  ]
}

function createIndex(place: string, name: string, { columns, unique }: DeclaredIndex): string {
  return `create ${unique ? 'unique ' : ''}index ${quoteIdent(name)} on ${place} (${columns.map(quoteIdent).join(', ')})`
}

function replaceSteps({ view, kept, attached }: ViewReading, text: string, found: FoundRelation): readonly StepDraft[] {
  if (attached === undefined) return []
  const isReady = kept?.builtAs === buildOf(view) && found.hasBeside
  const swap = swapStep(view, attached)
  return isReady ? [swap] : [buildStep(view, text, attached), swap]
}

/** Under names of their own until the swap, by their place. */
const besideIndex = (view: MaterializedView, place: number): string => `${besideOf(view).name}_${place}`

function buildStep(view: MaterializedView, text: string, { storage, indexes }: Attached): StepDraft {
  const beside = placeOf(besideOf(view))
  const declared = indexesOf(view)
  return {
    title: `Build ${describeView(view)} anew, beside it`,
    statements: [
      `drop materialized view if exists ${beside}`,
      `create materialized view ${beside}${storage} as\n${text}`,
      ...declared.map((index, place) => createIndex(beside, besideIndex(view, place), index)),
      ...indexes.map(
        ({ unique, using }, place) =>
          `create ${unique ? 'unique ' : ''}index ${quoteIdent(besideIndex(view, declared.length + place))} on ${beside} using ${using}`,
      ),
      noteBuilt(view),
    ],
    undo: [`drop materialized view if exists ${beside}`],
  }
}

function swapStep(view: MaterializedView, { readers, indexes, attributes }: Attached): StepDraft {
  const names = [...indexesOf(view).map((index) => indexNameOf(view, index)), ...indexes.map(({ name }) => name)]
  const indexPlace = (place: number): string => placeOf({ schema: view.schema, name: besideIndex(view, place) })
  return {
    title: `Put the new ${describeView(view)} in its place`,
    statements: [
      ...readers.drop,
      `drop materialized view ${placeOf(view)}`,
      `alter materialized view ${placeOf(besideOf(view))} rename to ${quoteIdent(view.name)}`,
      ...names.map((name, place) => `alter index ${indexPlace(place)} rename to ${quoteIdent(name)}`),
      ...attributes,
      noteSwapped(view),
      ...readers.create,
    ],
    undo: null,
    whyNoUndo: 'declare its sql as it was, and apply',
    changes: readers.changes,
  }
}

/** Its sql is the same: indexes, tags and times follow the declaration, and nothing is computed. */
function adjustStep(view: MaterializedView, before: MaterializedView, found: FoundRelation): StepDraft {
  const [wanted, had] = [indexesOf(view), indexesOf(before)]
  const gone = had.filter((index) => !wanted.some((other) => isSameIndex(index, other)))
  const drops = gone.flatMap((index) =>
    found.indexes.filter(({ name }) => name === indexNameOf(view, index)).map(({ name }) => name),
  )
  const added = wanted.filter((index) => !found.indexes.some((there) => there.valid && isSameIndex(index, there)))
  return {
    title: `Adjust ${describeView(view)}`,
    statements: [
      ...drops.map((name) => `drop index ${placeOf({ schema: view.schema, name })}`),
      ...added.map((index) => createIndex(placeOf(view), indexNameOf(view, index), index)),
      noteDeclared(view),
    ],
    undo: null,
    whyNoUndo: 'declare it as it was, and apply',
  }
}

function isSameIndex(index: DeclaredIndex, other: Pick<FoundIndex, 'columns' | 'unique'>): boolean {
  return index.unique === other.unique && JSON.stringify(index.columns) === JSON.stringify(other.columns)
}

/** Declared no more. `dependants`: what reads it, without what goes as well. */
export function planDrop(
  kept: KeptView,
  { found, dependants }: { readonly found: FoundRelation | undefined; readonly dependants: readonly string[] },
): ViewPlan {
  if (dependants.length > 0) {
    const why = `it is declared no more, and something reads it: ${dependants.join(', ')}`
    return { steps: [], held: [{ what: `view ${kept.name}`, why, todo: 'drop that first, or declare it again' }] }
  }
  const drop = [
    `drop materialized view if exists ${placeOf(besideOf(kept))}`,
    `drop materialized view ${placeOf(kept)}`,
  ]
  // Dropped by hand, or something of another kind by now, which is somebody else's.
  const isThere = found?.kind === 'm'
  return {
    held: [],
    steps: [
      {
        title: `Drop ${describeView(kept)}, which is declared no more`,
        statements: [...(isThere ? drop : []), deleteView(kept)],
        undo: null,
        whyNoUndo: 'declare it again, and apply: it is made anew',
      },
    ],
  }
}
