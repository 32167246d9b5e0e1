// Plain views declared here that read what has to go for a moment: they go with it and are made again behind it, in the same
// transaction, with their owner, rights, comments and options. What else reads it, or is bound to one of them, is stuck.
//
// What holds: a view that is declared otherwise by now is made as it is declared, if the caller knows that it can be; any other
// one as it stands, also where somebody changed it by hand; or by the text that it was made by, if the caller knows that it is
// still that.

import { readDependants } from '../catalog/dependants.ts'
import type { Session } from '../db/db.ts'
import type { CarriedReaders, Use } from '../plan/index.ts'
import { placeOf } from './names.ts'
import type { PlainView } from './options.ts'
import { orderViews, type Ordered } from './order.ts'
import { forgetPlain, identityOf, insertPlain, readStanding, type KeptPlain, type Standing } from './plain-queries.ts'
import { readDependencies } from './queries.ts'
import { readUses, type SourceRead } from './uses.ts'

/** What a reader is made by; `gone`: it is declared no more. */
export type Wanted = MadeAnew | 'gone'

interface MadeAnew {
  readonly view: PlainView
  readonly text: string
  /** Names of views that the text reads, of those that are made again with it; where it is another than the one it was made by. */
  readonly reads?: ReadonlySet<string>
  /** Where they are known. */
  readonly columns?: readonly string[]
  /** Of a text that is another than the one it was made by. */
  readonly sources?: readonly SourceRead[]
}

export interface CarryOptions {
  /** As SQL writes them; functions with the types of their arguments. */
  readonly relations: readonly string[]
  readonly functions?: readonly string[]
  /** Of the kept ones: these go and are made again, whether they read something or not. */
  readonly seeds?: readonly KeptPlain[]
  readonly kept: readonly KeptPlain[]
  /** By name; of the others: as they stand. */
  readonly wanted: ReadonlyMap<string, Wanted>
}

export const nobody: CarriedReaders = {
  drop: [],
  create: [],
  changes: [],
  stuck: [],
  uses: [],
  records: { feature: 'views', objects: [] },
}

export async function readCarried(session: Session, options: CarryOptions): Promise<CarriedReaders> {
  const { wanted } = options
  const { readers, others } = await findReaders(session, options)
  if (readers.length === 0) return { ...nobody, stuck: others }
  const { upstream } = await readDependencies(session, readers)
  const names = readers.map(({ name }) => name)
  const after = new Map(
    names.map((name) => [name, readsOf(wanted.get(name)) ?? upstream.get(name) ?? new Set<string>()]),
  )
  const made = new Map<string, Made>()
  for (const kept of readers) made.set(kept.name, await readMade(session, kept, wanted.get(kept.name)))
  const inOrder = ({ order }: Ordered): readonly Made[] => order.flatMap((name) => made.get(name) ?? [])
  const creating = inOrder(orderViews(names, after))
  return {
    drop: inOrder(orderViews(names, upstream))
      .map(({ drop }) => drop)
      .toReversed(),
    create: creating.flatMap(({ create }) => create),
    changes: creating.flatMap(({ changes }) => changes),
    stuck: [...others, ...creating.flatMap(({ stuck }) => stuck)],
    uses: creating.flatMap(({ uses }) => uses),
    records: nobody.records,
  }
}

function readsOf(wanted: Wanted | undefined): ReadonlySet<string> | undefined {
  return wanted === undefined || wanted === 'gone' ? undefined : wanted.reads
}

/** However many of them read each other. */
export async function findReaders(
  session: Session,
  { relations, functions = [], seeds = [], kept }: Omit<CarryOptions, 'wanted'>,
): Promise<{ readonly readers: readonly KeptPlain[]; readonly others: readonly string[] }> {
  const readers = [...seeds]
  for (;;) {
    const found = await readDependants(session, [...relations, ...readers.map(placeOf)], { functions })
    const isReader = (one: KeptPlain): boolean =>
      found.some(({ schema, name }) => schema === one.schema && name === one.name)
    const more = kept.filter((one) => !readers.includes(one) && isReader(one))
    if (more.length === 0) return { readers, others: found.map(({ what }) => what) }
    readers.push(...more)
  }
}

interface Made {
  readonly drop: string
  readonly create: readonly string[]
  readonly changes: readonly string[]
  readonly stuck: readonly string[]
  readonly uses: readonly Use[]
}

async function readMade(session: Session, kept: KeptPlain, wanted: Wanted | undefined): Promise<Made> {
  const identity = identityOf(kept)
  const columns = wanted === undefined || wanted === 'gone' ? undefined : wanted.columns
  const standing = await readStanding(session, kept, columns)
  const drop = `drop view ${placeOf(kept)}`
  if (standing === undefined) return { drop, create: [], changes: [], stuck: [identity], uses: [] }
  const stuck = standing.bound.length === 0 ? [] : [`${identity} (with ${standing.bound.join(', ')})`]
  if (wanted === 'gone') return { drop, create: forgetPlain(kept), changes: [], stuck, uses: [] }
  const create =
    wanted === undefined
      ? createPlain(kept, standing.definition, standing)
      : [...createPlain(wanted.view, wanted.text, standing), insertPlain(wanted.view)]
  const made = wanted === undefined ? { text: standing.definition } : wanted
  return {
    drop,
    create,
    changes: [identity],
    stuck,
    uses: await readUses(identity, { sources: standing.sources, ...made, isPending: wanted?.reads === undefined }),
  }
}

/** With what the one had that stood there before. */
export function createPlain(
  view: Pick<PlainView, 'schema' | 'name'>,
  text: string,
  { storage, attributes }: Pick<Standing, 'storage' | 'attributes'> = { storage: '', attributes: [] },
): readonly string[] {
  return [`create view ${placeOf(view)}${storage} as\n${text}`, ...attributes]
}
