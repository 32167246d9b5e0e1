// What is declared of views, kept of them, found in their places, and said of their texts by the server: read once for a plan.

import type { Session } from '../db/db.ts'
import type { Awaited, CarriedReaders } from '../plan/index.ts'
import { findReaders, readCarried, type Wanted } from './carried.ts'
import { checkTexts, type Candidate, type Checked } from './check.ts'
import type { MaterializedView, PlainView } from './options.ts'
import { joinUpstream, orderViews, type Upstream } from './order.ts'
import { readKeptPlain, type KeptPlain } from './plain-queries.ts'
import { indexesOf } from './plan.ts'
import { readDependencies, readFound, readKept, type FoundRelation, type KeptView } from './queries.ts'
import { readText, viewsNamed, type ReadText } from './reading.ts'

export interface DeclaredViews {
  readonly views: readonly MaterializedView[]
  readonly plain: readonly PlainView[]
  /** Relations of others that are still to come. */
  readonly awaited: (session: Session) => Promise<readonly Awaited[]>
}

export interface Known {
  readonly views: readonly MaterializedView[]
  readonly plain: readonly PlainView[]
  readonly kept: readonly KeptView[]
  readonly keptPlain: readonly KeptPlain[]
  readonly found: ReadonlyMap<string, FoundRelation>
  readonly texts: ReadonlyMap<string, ReadText>
  readonly checked: ReadonlyMap<string, Checked>
  readonly upstream: Upstream
  /** Of all that are declared or kept: each behind what it reads. */
  readonly order: readonly string[]
  readonly circle: readonly string[]
  readonly awaited: readonly Awaited[]
  /** Plain views that were planned to go along with what they read, as they are declared now. */
  readonly along: Set<string>
}

/** Undefined: nothing is declared, and nothing is kept. */
export async function readKnown(session: Session, declared: DeclaredViews): Promise<Known | undefined> {
  const { views, plain } = declared
  const kept = await readKept(session)
  const keptPlain = await readKeptPlain(session)
  const all = [...views, ...plain]
  if (all.length + kept.length + keptPlain.length === 0) return undefined
  const gone = [...kept, ...keptPlain].filter(({ name }) => !all.some((view) => view.name === name))
  const found = await readFound(session, [...all, ...gone])
  const texts = new Map<string, ReadText>()
  for (const view of all) texts.set(view.name, await readText(view))
  const catalog = await readDependencies(session, [...kept, ...keptPlain])
  // Of one that is to read something else, what it reads now is nothing to wait for.
  const standing = [...catalog.upstream].filter(([name]) => {
    const before = [...kept, ...keptPlain].find((one) => one.name === name)
    const view = all.find((one) => one.name === name)
    return view === undefined || view.sql === before?.declared.sql
  })
  const upstream = throughPlain(joinUpstream(upstreamOf({ views, plain, texts }), new Map(standing)), plain)
  const names = [...all, ...gone].map(({ name }) => name).toSorted()
  const { order, circle } = orderViews(names, upstream)
  const inOrder = order.flatMap((name) => all.find((view) => view.name === name) ?? [])
  const checked = await checkTexts(session, candidatesOf(inOrder, { views, kept, keptPlain, found, texts }))
  const isWaiting = [...checked.values()].some((said) => 'why' in said)
  const awaited = isWaiting ? await declared.awaited(session) : []
  return {
    views,
    plain,
    kept,
    keptPlain,
    found,
    texts,
    checked,
    upstream,
    order,
    circle,
    awaited,
    along: new Set(),
  }
}

type Texts = Pick<Known, 'views' | 'plain' | 'texts'>

function upstreamOf({ views, plain, texts }: Texts): Upstream {
  const named = ({ name }: { readonly name: string }): ReadonlySet<string> => {
    const read = texts.get(name)
    return read === undefined || 'why' in read ? new Set() : viewsNamed(read.relations, [...views, ...plain])
  }
  return new Map([
    ...views.map((view) => [view.name, new Set([...named(view), ...view.dependsOn])] as const),
    ...plain.map((view) => [view.name, named(view)] as const),
  ])
}

/** What a plain view reads is read by whoever reads that one. */
function throughPlain(upstream: Upstream, plain: readonly PlainView[]): Upstream {
  const isPlain = (name: string): boolean => plain.some((view) => view.name === name)
  const reach = (name: string, seen: Set<string>): ReadonlySet<string> => {
    for (const other of upstream.get(name) ?? []) {
      if (seen.has(other)) continue
      seen.add(other)
      if (isPlain(other)) reach(other, seen)
    }
    return seen
  }
  return new Map([...upstream.keys()].map((name) => [name, reach(name, new Set())]))
}

/** What is new or has another sql; of what is not, nothing can be wrong that was not when it was made. */
function candidatesOf(
  inOrder: readonly (MaterializedView | PlainView)[],
  { views, kept, keptPlain, found, texts }: Pick<Known, 'views' | 'kept' | 'keptPlain' | 'found' | 'texts'>,
): readonly Candidate[] {
  return inOrder.flatMap((view): readonly Candidate[] => {
    const read = texts.get(view.name)
    const there = found.get(view.name)
    if (read === undefined || 'why' in read) return []
    const materialized = views.find(({ name }) => name === view.name)
    const keptView = kept.find(({ name }) => name === view.name)
    const before = materialized === undefined ? keptPlain.find(({ name }) => name === view.name) : keptView
    const isOurs = [...kept, ...keptPlain].some(({ name }) => name === view.name)
    if (there !== undefined && !isOurs) return []
    const isCurrent = there !== undefined && before?.declared.sql === view.sql
    const hasOthers =
      materialized !== undefined &&
      keptView !== undefined &&
      JSON.stringify(indexesOf(materialized)) !== JSON.stringify(indexesOf(keptView.declared))
    if (isCurrent && !hasOthers) return []
    const noun = materialized === undefined ? 'view' : 'materialized view'
    return [{ view, noun, text: read.text, taken: there !== undefined }]
  })
}

/** It is there, and is to hold something else or be of another kind. */
export function isChange(name: string, { views, plain, kept, keptPlain, found }: Known): boolean {
  const declared = [...views, ...plain].find((one) => one.name === name)
  const before = views.some((one) => one.name === name) ? kept : keptPlain
  return (
    declared !== undefined && found.has(name) && before.find((one) => one.name === name)?.declared.sql !== declared.sql
  )
}

interface Going {
  /** Plain views that are made again, because they read something that is. */
  readonly readers: ReadonlySet<string>
  /** What is made anew with them: by that a text may be right that the server refuses now. */
  readonly remade: ReadonlySet<string>
}

/** What each reader is made by: as it is declared, if that can be known to be right then; otherwise as it stands. */
export function wantedOf(known: Known, { readers, remade }: Going): ReadonlyMap<string, Wanted> {
  const { plain, views, keptPlain, texts, checked, upstream, order, found } = known
  const wanted = new Map<string, Wanted>()
  const isNew = new Set(remade)
  for (const name of order) {
    const kept = keptPlain.find((one) => one.name === name)
    if (kept === undefined || !readers.has(name)) continue
    const view = plain.find((one) => one.name === name)
    const read = texts.get(name)
    if (view === undefined) {
      if (!views.some((one) => one.name === name)) wanted.set(name, 'gone')
      continue
    }
    const before = [...(upstream.get(name) ?? [])]
    const isThere = before.every((other) => found.has(other))
    if (view.schema !== kept.schema || read === undefined || 'why' in read || !isThere) continue
    const said = checked.get(name)
    const changed = before.filter((other) => isChange(other, known))
    const mayBeRight = changed.length > 0 && changed.every((other) => isNew.has(other))
    if (said !== undefined && 'why' in said && !mayBeRight) continue
    isNew.add(name)
    const columns = said === undefined || 'why' in said || mayBeRight ? {} : { columns: said.columns }
    wanted.set(name, { view, text: read.text, reads: new Set(before), ...columns })
  }
  return wanted
}

/** Plain views that read what is made anew, with what they are made by. */
export async function carryKnown(
  session: Session,
  known: Known,
  { relations, remade }: { readonly relations: readonly string[]; readonly remade: readonly string[] },
): Promise<CarriedReaders> {
  const { keptPlain: kept, along } = known
  const seeds = relations.length === 0 ? kept.filter(({ name }) => remade.includes(name)) : []
  const { readers } = await findReaders(session, { relations, seeds, kept })
  const going = { readers: new Set(readers.map(({ name }) => name)), remade: new Set(remade) }
  const wanted = wantedOf(known, going)
  for (const name of wanted.keys()) along.add(name)
  return await readCarried(session, { relations, seeds, kept, wanted })
}
