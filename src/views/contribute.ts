// The views' part of the plan: what is declared, kept and found, read at once; each view on its own; and the function that
// refreshes them from SQL, written anew whenever there are others or in another order.

import { readDependants } from '../catalog/dependants.ts'
import { contributeRoutines } from '../catalog/routines.ts'
import type { Session } from '../db/db.ts'
import type { Contribution, Held } from '../plan/index.ts'
import { checkTexts, type Candidate, type Checked } from './check.ts'
import { indexNameOf, placeOf } from './names.ts'
import type { MaterializedView } from './options.ts'
import { joinUpstream, orderViews, type Upstream } from './order.ts'
import { indexesOf, planDrop, planView, type ViewPlan, type ViewReading } from './plan.ts'
import { readDependencies, readFound, readKept, type FoundRelation, type KeptView } from './queries.ts'
import { readText, viewsNamed, type ReadText } from './reading.ts'
import { readAttached } from './replace.ts'
import { refreshFunction } from './refresh-function.ts'

export async function contributeViews(session: Session, views: readonly MaterializedView[]): Promise<Contribution> {
  const kept = await readKept(session)
  if (views.length + kept.length === 0) return { feature: 'views', steps: [], manages: [], replans: true }
  const gone = kept.filter(({ name }) => !views.some((view) => view.name === name))
  const found = await readFound(session, [...views, ...gone])
  const texts = new Map<string, ReadText>()
  for (const view of views) texts.set(view.name, await readText(view))
  const upstream = joinUpstream(upstreamOf(views, texts), (await readDependencies(session, kept)).upstream)
  const { order, circle } = orderViews([...views, ...gone].map(({ name }) => name).toSorted(), upstream)
  const inOrder = order.flatMap((name) => views.find((view) => view.name === name) ?? [])
  const checked = await checkTexts(session, candidatesOf(inOrder, { kept, found, texts }))
  const plans: ViewPlan[] = []
  for (const view of inOrder) {
    const reading = await readView(session, view, { kept, found, texts, checked })
    plans.push(circle.includes(view.name) ? { steps: [], held: [circular(view, circle)] } : planView(reading))
  }
  plans.push(...(await planDrops(session, gone, { order, found })))
  const stuck = new Set(plans.flatMap(({ held }) => held.map(({ what }) => what)))
  const isThere = ({ name }: MaterializedView): boolean =>
    kept.some((one) => one.name === name) || !stuck.has(`view ${name}`)
  const names = inOrder.filter(isThere).map(({ name }) => name)
  const routines = await contributeRoutines(session, [refreshFunction(names, upstream)])
  return {
    feature: 'views',
    steps: [...plans.flatMap(({ steps }) => steps), ...routines.steps],
    manages: routines.manages,
    held: [...plans.flatMap(({ held }) => held), ...routines.held],
    replans: true,
  }
}

interface Known {
  readonly kept: readonly KeptView[]
  readonly found: ReadonlyMap<string, FoundRelation>
  readonly texts: ReadonlyMap<string, ReadText>
}

function upstreamOf(views: readonly MaterializedView[], texts: ReadonlyMap<string, ReadText>): Upstream {
  return new Map(
    views.map((view) => {
      const read = texts.get(view.name)
      const named = read === undefined || 'why' in read ? [] : viewsNamed(read.relations, views)
      return [view.name, new Set([...named, ...view.dependsOn])]
    }),
  )
}

/** What is new or has another sql; of what is not, nothing can be wrong that was not when it was made. */
function candidatesOf(views: readonly MaterializedView[], { kept, found, texts }: Known): readonly Candidate[] {
  return views.flatMap((view) => {
    const read = texts.get(view.name)
    const before = kept.find(({ name }) => name === view.name)
    const there = found.get(view.name)
    const isForeign = there !== undefined && before === undefined
    const isCurrent = there !== undefined && before?.declared.sql === view.sql
    const needsColumns = isCurrent && JSON.stringify(indexesOf(view)) !== JSON.stringify(indexesOf(before.declared))
    if (read === undefined || 'why' in read || isForeign || (isCurrent && !needsColumns)) return []
    return [{ view, text: read.text, taken: there !== undefined }]
  })
}

async function readView(
  session: Session,
  view: MaterializedView,
  { kept, found, texts, checked }: Known & { readonly checked: ReadonlyMap<string, Checked> },
): Promise<ViewReading> {
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
          })
        : undefined,
  }
}

function circular({ name }: MaterializedView, circle: readonly string[]): Held {
  return {
    what: `view ${name}`,
    why: `${circle.join(', ')} wait for each other`,
    todo: 'mend `dependsOn`',
  }
}

/** What reads another comes first. */
async function planDrops(
  session: Session,
  gone: readonly KeptView[],
  { order, found }: { readonly order: readonly string[]; readonly found: ReadonlyMap<string, FoundRelation> },
): Promise<readonly ViewPlan[]> {
  const plans: ViewPlan[] = []
  for (const kept of gone.toSorted((a, b) => order.indexOf(b.name) - order.indexOf(a.name))) {
    const readers = await readDependants(session, [placeOf(kept)])
    const goes = (schema: string | null, name: string | null): boolean =>
      gone.some((one) => one.schema === schema && one.name === name)
    const dependants = readers.flatMap(({ what, schema, name }) => (goes(schema, name) ? [] : [what]))
    plans.push(planDrop(kept, { found: found.get(kept.name), dependants }))
  }
  return plans
}
