// From a change to the topics that it concerns, by what is looked up and not by asking each topic.
//
// What must be true: a topic is here as long as somebody has it; what `route` calls for is what match.ts says. A change whose
// row is known costs one look-up for each set of columns that topics of its table have conditions on; only where the
// row's past is not known all of those topics are gone through.

import type { LiveTable } from './options.ts'
import { isKnown, judge, mayMatch, type Side } from './match.ts'
import type { RowsTopic } from './topic.ts'
import { tableKey, type WireChange } from './wire.ts'

/**
 * 'now': the row is among those of the topic; 'left': it was, and is not any more; 'maybe': whether it was is not known.
 */
export type Concern = 'now' | 'left' | 'maybe' | 'all gone'

interface Group {
  readonly columns: readonly string[]
  readonly byValues: Map<string, Set<RowsTopic>>
  readonly topics: Set<RowsTopic>
}

export class TopicIndex {
  readonly #fixed: ReadonlyMap<string, ReadonlySet<string>>
  /** By table, then by columns. */
  readonly #groups = new Map<string, Map<string, Group>>()

  constructor(tables: readonly LiveTable[]) {
    this.#fixed = new Map(tables.map((table) => [tableKey(table), new Set(table.fixed)]))
  }

  add(topic: RowsTopic): void {
    const table = tableKey(topic)
    const groups = this.#groups.get(table) ?? new Map<string, Group>()
    this.#groups.set(table, groups)
    const signature = JSON.stringify(topic.columns)
    const group = groups.get(signature) ?? { columns: topic.columns, byValues: new Map(), topics: new Set() }
    groups.set(signature, group)
    group.topics.add(topic)
    for (const wanted of topic.wanted) {
      const values = JSON.stringify(wanted)
      group.byValues.set(values, (group.byValues.get(values) ?? new Set()).add(topic))
    }
  }

  delete(topic: RowsTopic): void {
    const groups = this.#groups.get(tableKey(topic))
    const signature = JSON.stringify(topic.columns)
    const group = groups?.get(signature)
    if (groups === undefined || group === undefined || !group.topics.delete(topic)) return
    for (const wanted of topic.wanted) {
      const values = JSON.stringify(wanted)
      const found = group.byValues.get(values)
      found?.delete(topic)
      if (found?.size === 0) group.byValues.delete(values)
    }
    if (group.topics.size === 0) groups.delete(signature)
    if (groups.size === 0) this.#groups.delete(tableKey(topic))
  }

  route(change: WireChange, found: (topic: RowsTopic, concern: Concern) => void): void {
    const table = tableKey(change)
    const fixed = this.#fixed.get(table) ?? noColumns
    for (const group of this.#groups.get(table)?.values() ?? []) {
      if (change.kind === 'truncate') for (const topic of group.topics) found(topic, 'all gone')
      else routeIn(group, change, fixed, found)
    }
  }
}

const noColumns: ReadonlySet<string> = new Set()

function routeIn(
  group: Group,
  change: WireChange,
  fixed: ReadonlySet<string>,
  found: (topic: RowsTopic, concern: Concern) => void,
): void {
  const { after, before } = judge(change, group.columns, fixed)
  const concerns = new Map<RowsTopic, Concern>()
  // The surer word is said last.
  for (const topic of before === undefined ? [] : lookUp(group, before))
    concerns.set(topic, isKnown(before ?? []) ? 'left' : 'maybe')
  for (const topic of after === undefined ? [] : lookUp(group, after))
    concerns.set(topic, isKnown(after ?? []) ? 'now' : 'maybe')
  for (const [topic, concern] of concerns) found(topic, concern)
}

/** Certainly, where the side is known. */
function lookUp(group: Group, side: Side): Iterable<RowsTopic> {
  if (isKnown(side)) return group.byValues.get(JSON.stringify(side)) ?? []
  return [...group.topics].filter(({ wanted }) => wanted.some((one) => mayMatch(side, one)))
}
