// Plain views' part of the plan: each on its own, then at once those that can only be made anew.

import type { Session } from '../db/db.ts'
import { createPlain, readCarried } from './carried.ts'
import { carryKnown, type Known } from './known.ts'
import { placeOf } from './names.ts'
import type { PlainView } from './options.ts'
import { planPlain, remakeStep, type PlainPlan, type PlainReading } from './plain-plan.ts'
import { insertPlain, readStanding } from './plain-queries.ts'
import { findStuck, type ViewPlan } from './plan.ts'
import { findAwaited } from './reading.ts'
import { readAttributes } from './replace.ts'

/** One that can only be made anew, and has a reader that cannot, is held. */
export async function planOnePlain(session: Session, view: PlainView, known: Known): Promise<PlainPlan> {
  const plan = planPlain(await readPlain(session, view, known))
  if (!plan.remake) return plan
  const seeds = known.keptPlain.filter(({ name }) => name === view.name)
  const carried = await readCarried(session, { relations: [], seeds, kept: known.keptPlain, wanted: new Map() })
  const stuck = findStuck(carried)
  if (stuck === undefined) return { ...plan, carries: carried.changes }
  return { steps: [], held: [{ what: `view ${view.name}`, ...stuck }], remake: false }
}

async function readPlain(session: Session, view: PlainView, known: Known): Promise<PlainReading> {
  const { kept, keptPlain, found, texts, checked, awaited } = known
  const read = texts.get(view.name)
  const said = checked.get(view.name)
  const before = keptPlain.find(({ name }) => name === view.name)
  const isReplaced = before !== undefined && before.declared.sql !== view.sql
  return {
    view,
    text: read === undefined || 'why' in read ? undefined : read.text,
    obstacle: read !== undefined && 'why' in read ? { why: read.why, todo: 'mend its sql' } : undefined,
    awaited: findAwaited(read, awaited),
    checked: said,
    kept: before,
    found: found.get(view.name),
    materialized: kept.some(({ name, schema }) => name === view.name && schema === view.schema)
      ? await readMaterialized(session, view, known)
      : undefined,
    standing: isReplaced ? await readStanding(session, view) : undefined,
  }
}

async function readMaterialized(
  session: Session,
  view: PlainView,
  known: Known,
): Promise<PlainReading['materialized']> {
  const said = known.checked.get(view.name)
  if (known.found.get(view.name)?.kind !== 'm') return undefined
  const columns = said !== undefined && 'columns' in said ? said.columns : []
  return {
    attributes: await readAttributes(session, view, { noun: 'view', columns }),
    readers: await carryKnown(session, known, { relations: [placeOf(view)], remade: [view.name] }),
  }
}

/** One step for all of them, with their readers. */
export async function planRemade(session: Session, views: readonly PlainView[], known: Known): Promise<ViewPlan> {
  if (views.length === 0) return { steps: [], held: [] }
  const remade = views.map(({ name }) => name)
  return { steps: [remakeStep(views, await carryKnown(session, known, { relations: [], remade }))], held: [] }
}

/** Statements by which a view that was changed by hand is as it is declared again; its rights and comments stay. */
export async function readRestore(
  session: Session,
  view: PlainView,
  known: Known,
): Promise<readonly string[] | undefined> {
  const read = known.texts.get(view.name)
  const kept = known.keptPlain.find(({ name }) => name === view.name)
  if (read === undefined || 'why' in read || kept?.declared.sql !== view.sql) return undefined
  const standing = await readStanding(session, view)
  const readers = await readCarried(session, { relations: [placeOf(view)], kept: known.keptPlain, wanted: new Map() })
  if (readers.stuck.length + (standing?.bound.length ?? 0) > 0) return undefined
  return [
    ...readers.drop,
    `drop view if exists ${placeOf(view)}`,
    ...createPlain(view, read.text, { storage: '', attributes: standing?.attributes ?? [] }),
    insertPlain(view),
    ...readers.create,
  ]
}
