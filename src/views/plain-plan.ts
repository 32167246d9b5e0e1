// One plain view, declared and found → steps, or what holds it back. Pure.
//
// What holds: one whose columns stay, or that gets more behind them, is replaced as it stands, and whoever reads it goes on. Any
// other change makes it anew, together with the plain views declared here that read it, in one transaction. One that was changed
// by hand is only touched by a step that says so, which waits until somebody decides.

import { plural } from '../base/units.ts'
import type { CarriedReaders, Held, StepDraft } from '../plan/index.ts'
import { createPlain } from './carried.ts'
import type { Checked } from './check.ts'
import { placeOf } from './names.ts'
import type { PlainView } from './options.ts'
import { findForeign, findStuck, type ViewPlan } from './plan.ts'
import { forgetPlain, identityOf, insertPlain, type KeptPlain, type Standing } from './plain-queries.ts'
import { deleteView, type FoundRelation } from './queries.ts'

export interface PlainReading {
  readonly view: PlainView
  /** Its sql, without what stands around the statement; or why it cannot be made. */
  readonly text: string | undefined
  readonly obstacle: Obstacle | undefined
  /** Something that it reads is still to come. */
  readonly awaited: Obstacle | undefined
  /** Of what is new or changed. */
  readonly checked: Checked | undefined
  readonly kept: KeptPlain | undefined
  readonly found: FoundRelation | undefined
  /** Of one that was declared to be materialized before, and stands there as such. */
  readonly materialized: { readonly attributes: readonly string[]; readonly readers: CarriedReaders } | undefined
  /** Of one that changes. */
  readonly standing: Pick<Standing, 'columns' | 'storage'> | undefined
}

/** `remake`: it can only be made anew, together with whoever reads it: `carries`, by identity. */
export type PlainPlan = ViewPlan & { readonly remake: boolean; readonly carries?: readonly string[] }

type Obstacle = Omit<Held, 'what'>

export function planPlain(reading: PlainReading): PlainPlan {
  const { view, text, kept, found, materialized } = reading
  const held = findObstacle(reading)
  if (held !== undefined) return { steps: [], held: [{ what: `view ${view.name}`, ...held }], remake: false }
  const steps = (...made: readonly StepDraft[]): PlainPlan => ({ steps: made, held: [], remake: false })
  if (text === undefined) return steps()
  if (materialized !== undefined) return steps(takePlaceStep(view, text, materialized))
  if (found === undefined) return steps(createStep(view, text, kept !== undefined))
  if (kept?.declared.sql === view.sql) return steps()
  return canStay(reading) ? steps(replaceStep(reading, text)) : { steps: [], held: [], remake: true }
}

function findObstacle({
  view,
  obstacle,
  awaited,
  checked,
  kept,
  found,
  materialized,
}: PlainReading): Obstacle | undefined {
  const foreign = materialized === undefined ? findForeign({ view, kept, found, kind: 'v' }) : undefined
  if (foreign !== undefined) return foreign
  if (obstacle !== undefined) return obstacle
  if (checked !== undefined && 'why' in checked) {
    return awaited ?? { why: checked.why, todo: 'mend its sql, or what the server says, and plan again' }
  }
  return materialized === undefined ? undefined : findStuck(materialized.readers)
}

/** CREATE OR REPLACE VIEW is enough. */
function canStay({ standing, checked }: PlainReading): boolean {
  if (standing === undefined || checked === undefined || 'why' in checked) return true
  return standing.columns.every((column, index) => checked.shapes[index] === column)
}

function createStep(view: PlainView, text: string, again: boolean): StepDraft {
  return {
    title: `Make view ${view.schema}.${view.name}${again ? ' again' : ''}`,
    statements: [...createPlain(view, text), insertPlain(view)],
    undo: [`drop view ${placeOf(view)}`, ...forgetPlain(view)],
    changes: [identityOf(view)],
  }
}

const noUndo = { undo: null, whyNoUndo: 'declare it as it was, and apply' } as const

function replaceStep({ view, standing }: PlainReading, text: string): StepDraft {
  const replace = `create or replace view ${placeOf(view)}${standing?.storage ?? ''} as\n${text}`
  return {
    title: `Replace view ${view.schema}.${view.name}`,
    statements: [replace, insertPlain(view)],
    ...noUndo,
    changes: [identityOf(view)],
  }
}

function takePlaceStep(
  view: PlainView,
  text: string,
  { attributes, readers }: NonNullable<PlainReading['materialized']>,
): StepDraft {
  return {
    title: `Replace materialized view ${view.schema}.${view.name} by a plain one`,
    statements: [
      ...readers.drop,
      `drop materialized view ${placeOf(view)}`,
      deleteView(view),
      ...createPlain(view, text, { storage: '', attributes }),
      insertPlain(view),
      ...readers.create,
    ],
    ...noUndo,
    changes: [identityOf(view), ...readers.changes],
  }
}

/** Those that can only be made anew, and plain views declared here that read them: all at once. */
export function remakeStep(views: readonly PlainView[], { drop, create, changes }: CarriedReaders): StepDraft {
  const names = views.map(({ schema, name }) => `${schema}.${name}`)
  const others = changes.length - views.length
  const readers = others > 0 ? `, with ${plural(others, 'view')} that read ${views.length === 1 ? 'it' : 'them'}` : ''
  return {
    title: `Make ${names.length === 1 ? 'view' : 'views'} ${names.join(', ')} anew${readers}`,
    statements: [...drop, ...create],
    ...noUndo,
    changes,
  }
}

/** Declared no more. */
export function planPlainDrop(
  kept: KeptPlain,
  {
    found,
    dependants,
  }: { readonly found: Pick<FoundRelation, 'kind'> | undefined; readonly dependants: readonly string[] },
): ViewPlan {
  if (dependants.length > 0) {
    const why = `it is declared no more, and something reads it: ${dependants.join(', ')}`
    return { steps: [], held: [{ what: `view ${kept.name}`, why, todo: 'drop that first, or declare it again' }] }
  }
  // Dropped by hand, or something of another kind by now, which is somebody else's.
  const drop = found?.kind === 'v' ? [`drop view if exists ${placeOf(kept)}`] : []
  return {
    held: [],
    steps: [
      {
        title: `Drop view ${kept.schema}.${kept.name}, which is declared no more`,
        statements: [...drop, ...forgetPlain(kept)],
        undo: null,
        whyNoUndo: 'declare it again, and apply',
        changes: [identityOf(kept)],
      },
    ],
  }
}
