// The order in which objects can be created: that of pg_depend, and where it leaves a choice, by kind and name.
// So the same schema gives the same order, whenever and however its objects were made.

import { sql } from '../../sql/sql.ts'
import { addressOf, compareObjects, sortedUnique, type Catalog, type Draft, type SchemaObject } from './object.ts'
import { readRows, type Reading } from './reading.ts'

interface Edge {
  readonly classid: number
  readonly objid: number
  readonly refclassid: number
  readonly refobjid: number
  readonly deptype: string
}

const prefixOf = (catalog: Catalog): string => addressOf(catalog, 0).slice(0, -1)
const pgClass = prefixOf('pg_class')

/** Where the pieces of our objects are. A constraint or trigger that is no object of ours came down from a parent. */
const pieces = (['pg_class', 'pg_type', 'pg_proc', 'pg_attrdef', 'pg_rewrite'] as const).map(prefixOf)

/** Identity → identities of what it needs, for every draft. */
export async function readDependencies(reading: Reading, drafts: readonly Draft[]): Promise<Map<string, Set<string>>> {
  const edges = await readRows<Edge>(
    reading,
    sql`
    select distinct classid, objid, refclassid, refobjid, deptype
    from pg_depend
    where objid >= 16384
      and refobjid >= 16384
      and (classid, objid) <> (refclassid, refobjid)`,
  )
  return resolveDependencies(drafts, edges)
}

function resolveDependencies(drafts: readonly Draft[], edges: readonly Edge[]): Map<string, Set<string>> {
  const identities = new Set(drafts.map((draft) => draft.identity))
  const owners = new Map(drafts.flatMap((draft) => draft.addresses.map((address) => [address, draft] as const)))
  const links = edges.map((edge) => ({
    from: `${edge.classid}/${edge.objid}`,
    to: `${edge.refclassid}/${edge.refobjid}`,
    deptype: edge.deptype,
  }))
  const identityOf = resolver(owners, links)
  const needs = new Map<string, Set<string>>(drafts.map((draft) => [draft.identity, knownNeeds(draft, identities)]))
  for (const { from, to, deptype } of links) {
    const dependent = identityOf(from)
    const needed = identityOf(to)
    if (dependent === undefined || needed === undefined || dependent === needed) continue
    // A sequence depends on the column that owns it, but is made first.
    if (deptype === 'a' && from.startsWith(pgClass) && dependent.startsWith('sequence ')) continue
    needs.get(dependent)?.add(needed)
  }
  return needs
}

function knownNeeds(draft: Draft, identities: ReadonlySet<string>): Set<string> {
  const named = [...(draft.parent === undefined ? [] : [draft.parent]), ...(draft.after ?? [])]
  return new Set(named.filter((identity) => identities.has(identity)))
}

/**
 * An address that is no object of ours belongs to one: the row type to its table, the array to its type, the rule to
 * its view, a default to its table, a member to its extension.
 */
function resolver(
  owners: ReadonlyMap<string, Draft>,
  links: readonly { from: string; to: string; deptype: string }[],
): (address: string) => string | undefined {
  const belongs = new Map<string, string>()
  for (const link of links) {
    const isPiece = pieces.some((prefix) => link.from.startsWith(prefix))
    if (link.deptype === 'e' || (isPiece && link.deptype === 'i')) belongs.set(link.from, link.to)
    else if (!isPiece) continue
    else if (link.deptype === 'a' && !belongs.has(link.from)) belongs.set(link.from, link.to)
  }
  // The longest chain: array → row type → materialized view → extension.
  const maxHops = 8
  return (address) => {
    let at: string | undefined = address
    for (let hop = 0; at !== undefined && hop < maxHops; hop++) {
      const owner = owners.get(at)
      if (owner !== undefined) return owner.identity
      at = belongs.get(at)
    }
    return undefined
  }
}

/** Every object after those it needs. Where they need each other, the first by kind and name goes first. */
export function orderForCreation(objects: readonly SchemaObject[]): SchemaObject[] {
  const sorted = objects.toSorted(compareObjects)
  const position = new Map(sorted.map((object, index) => [object.identity, index]))
  const waiting = sorted.map((object) => new Set(object.after.filter((identity) => position.has(identity))))
  const dependents = sorted.map((): number[] => [])
  waiting.forEach((needed, index) => {
    for (const identity of needed) dependents[position.get(identity) ?? index]?.push(index)
  })
  const ready = new MinHeap()
  waiting.forEach((needed, index) => {
    if (needed.size === 0) ready.push(index)
  })
  const order: SchemaObject[] = []
  const done = new Uint8Array(sorted.length)
  let lowest = 0
  while (order.length < sorted.length) {
    let next = ready.pop()
    while (next === undefined) {
      if (done[lowest] === 0) next = lowest
      lowest++
    }
    const object = sorted[next]
    if (done[next] === 1 || object === undefined) continue
    done[next] = 1
    order.push(object)
    for (const dependent of dependents[next] ?? []) {
      waiting[dependent]?.delete(object.identity)
      if (waiting[dependent]?.size === 0) ready.push(dependent)
    }
  }
  return order
}

class MinHeap {
  readonly #items: number[] = []

  push(item: number): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const above = (at - 1) >> 1
      if ((items[above] ?? 0) <= item) break
      items[at] = items[above] ?? 0
      at = above
    }
    items[at] = item
  }

  pop(): number | undefined {
    const items = this.#items
    const [first] = items
    const last = items.pop()
    if (items.length === 0 || last === undefined) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= items.length) break
      if ((items[below + 1] ?? Infinity) < (items[below] ?? Infinity)) below++
      if ((items[below] ?? Infinity) >= last) break
      items[at] = items[below] ?? 0
      at = below
    }
    items[at] = last
    return first
  }
}

export function afterOf(needs: ReadonlyMap<string, ReadonlySet<string>>, identity: string): string[] {
  return sortedUnique(needs.get(identity) ?? [])
}
