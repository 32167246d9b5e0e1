// The views' part of the plan: what is declared, kept and found, read at once; each view on its own, in the order in which they
// read each other; and the function that refreshes them from SQL, written anew whenever there are others or in another order.

import { contributeRoutines } from '../catalog/routines.ts'
import type { Session } from '../db/db.ts'
import type { CarriedReaders, Contribution, Held } from '../plan/index.ts'
import { planDrops } from './drops.ts'
import { createEntanglements } from './entangled.ts'
import { carryKnown, readKnown, type DeclaredViews, type Known } from './known.ts'
import { indexNameOf, placeOf } from './names.ts'
import type { MaterializedView, PlainView } from './options.ts'
import { planOnePlain, planRemade, readRestore } from './plain-contribute.ts'
import type { PlainPlan } from './plain-plan.ts'
import { forgetPlain, identityOf, refOf } from './plain-queries.ts'
import { indexesOf, planView, type PlainBefore, type ViewPlan, type ViewReading } from './plan.ts'
import { findAwaited } from './reading.ts'
import { readAttached, readAttributes } from './replace.ts'
import { refreshFunction } from './refresh-function.ts'

export async function contributeViews(session: Session, declared: DeclaredViews): Promise<Contribution> {
  const known = await readKnown(session, declared)
  if (known === undefined) return { feature: 'views', steps: [], manages: [], replans: true }
  const plans = await planInOrder(session, known)
  const stuck = new Set(plans.flatMap(({ held }) => held.map(({ what }) => what)))
  const isThere = ({ name }: MaterializedView): boolean =>
    known.kept.some((one) => one.name === name) || !stuck.has(`view ${name}`)
  const inOrder = known.order.flatMap((name) => known.views.find((view) => view.name === name) ?? [])
  const names = inOrder.filter(isThere).map(({ name }) => name)
  const isAny = known.views.length + known.kept.length > 0
  const routines = await contributeRoutines(session, isAny ? [refreshFunction(names, known.upstream)] : [])
  return {
    feature: 'views',
    steps: [...plans.flatMap(({ steps }) => steps), ...routines.steps],
    manages: [...(await managePlain(session, known)), ...routines.manages],
    held: [...plans.flatMap(({ held }) => held), ...routines.held],
    replans: true,
  }
}

async function planInOrder(session: Session, known: Known): Promise<readonly ViewPlan[]> {
  const { views, plain, kept, keptPlain, order, circle, found } = known
  const all = new Map<string, PlainPlan>()
  for (const name of order) all.set(name, await planOne(session, name, known))
  const remakes = [...all].flatMap(([name, { remake }]) => (remake ? [name] : []))
  const entanglements = createEntanglements(known, new Set(remakes))
  const plans: { readonly name: string; readonly plan: ViewPlan }[] = []
  const anew: PlainView[] = []
  for (const [name, planned] of all) {
    const first = circle.includes(name) ? undefined : entanglements.take(name, planned)
    if (first === undefined) plans.push({ name, plan: planned })
    else plans.push({ name, plan: { steps: [], held: [behind(name, first)] } })
    if (first === undefined && planned.remake) anew.push(...plain.filter((view) => view.name === name))
  }
  const remade = await planRemade(session, anew, known)
  const isDeclared = ({ name }: { readonly name: string }): boolean =>
    [...views, ...plain].some((one) => one.name === name)
  const drops = await planDrops(session, {
    materialized: kept.filter((one) => !isDeclared(one)),
    plain: keptPlain.filter((one) => !isDeclared(one)),
    order,
    found,
  })
  const along = goAlong([...plans.map(({ plan }) => plan), remade], known)
  const alone = plans.flatMap(({ name, plan }) => (along.has(name) && plan.steps.length === 0 ? [] : [plan]))
  return [...alone, remade, ...drops]
}

/** Plain views that the steps of others make as they are declared now. */
function goAlong(plans: readonly ViewPlan[], { plain, along }: Known): ReadonlySet<string> {
  const changed = new Set(plans.flatMap(({ steps }) => steps.flatMap(({ changes = [] }) => changes)))
  const names = plain.filter((view) => changed.has(identityOf(view)) && along.has(view.name)).map(({ name }) => name)
  return new Set(names)
}

function behind(name: string, first: string): Held {
  return {
    what: `view ${name}`,
    why: first === name ? 'it goes along with another one first' : `${first} changes first`,
    todo: 'the same apply makes it behind that',
    waits: true,
  }
}

async function planOne(session: Session, name: string, known: Known): Promise<PlainPlan> {
  const { views, plain, circle } = known
  const view = views.find((one) => one.name === name)
  const plainView = plain.find((one) => one.name === name)
  const nothing = { steps: [], held: [], remake: false }
  if (view === undefined && plainView === undefined) return nothing
  if (circle.includes(name)) return { ...nothing, held: [circular(name, circle)] }
  if (plainView !== undefined) return await planOnePlain(session, plainView, known)
  return view === undefined ? nothing : { ...planView(await readView(session, view, known)), remake: false }
}

async function readView(session: Session, view: MaterializedView, known: Known): Promise<ViewReading> {
  const { kept, found, texts, checked, awaited } = known
  const read = texts.get(view.name)
  const before = kept.find(({ name }) => name === view.name)
  const said = checked.get(view.name)
  const isReplaced = before !== undefined && found.has(view.name) && before.declared.sql !== view.sql
  return {
    view,
    text: read === undefined || 'why' in read ? undefined : read.text,
    obstacle: read !== undefined && 'why' in read ? read.why : undefined,
    checked: said,
    kept: before,
    found: found.get(view.name),
    attached:
      isReplaced && said !== undefined && 'columns' in said
        ? await readAttached(session, view, {
            columns: said.columns,
            declared: [...indexesOf(before.declared), ...indexesOf(view)].map((index) => indexNameOf(view, index)),
            readers: await readReaders(session, view, known),
          })
        : undefined,
    awaited: findAwaited(read, awaited),
    plain: await readPlainBefore(session, view, known),
  }
}

/** Plain views declared here that read it. */
function readReaders(session: Session, view: MaterializedView, known: Known): Promise<CarriedReaders> {
  return carryKnown(session, known, { relations: [placeOf(view)], remade: [view.name] })
}

/** Of one that was declared as a plain view before, and stands there as such. */
async function readPlainBefore(
  session: Session,
  view: MaterializedView,
  known: Known,
): Promise<PlainBefore | undefined> {
  const before = known.keptPlain.find(({ name, schema }) => name === view.name && schema === view.schema)
  if (before === undefined || known.found.get(view.name)?.kind !== 'v') return undefined
  const said = known.checked.get(view.name)
  const columns = said !== undefined && 'columns' in said ? said.columns : []
  return {
    readers: await readReaders(session, view, known),
    drop: [`drop view ${placeOf(view)}`, ...forgetPlain(before)],
    attributes: await readAttributes(session, view, { noun: 'materialized view', columns }),
  }
}

function circular(name: string, circle: readonly string[]): Held {
  return {
    what: `view ${name}`,
    why: `${circle.join(', ')} wait for each other`,
    todo: 'mend `dependsOn`',
  }
}

/** Plain views have nothing but their definition, and what they were made by is known: a change by hand is told. */
async function managePlain(session: Session, known: Known): Promise<Contribution['manages']> {
  const { plain, keptPlain, views } = known
  const gone = keptPlain.filter(({ name }) => ![...plain, ...views].some((view) => view.name === name))
  const managed: Contribution['manages'][number][] = gone.map((one) => ({ identity: identityOf(one), ref: refOf(one) }))
  for (const view of plain) {
    if (!keptPlain.some(({ name }) => name === view.name) && known.found.has(view.name)) continue
    const restore = await readRestore(session, view, known)
    managed.push({ identity: identityOf(view), ref: refOf(view), ...(restore === undefined ? {} : { restore }) })
  }
  return managed
}
