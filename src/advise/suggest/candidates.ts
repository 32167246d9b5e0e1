// Which indexes might serve what a statement wants of a table. Pure. Equality first, the most selective before the others, then
// either one range or the order; a partial index where a constant leaves a small part; never more than four keys.

import { isFixed } from '../../sql/query/index.ts'
import {
  mostKeys,
  plainKey,
  type Candidate,
  type CandidateKey,
  type CandidateTools,
  type Selectivities,
} from './candidate.ts'
import { specialCandidates } from './special.ts'
import type { OrderWant, TableWants, Want } from './wants.ts'

/** A condition that keeps more than half of the rows has no place in a key. */
const uselessBeyond = 0.5
/** Further keys are not worth their space when this few rows are left. */
const fewRows = 5
const partialBelow = 0.3
/** A constant of a column with more values is one of many, and no property of the query. */
const partialValues = 20
const mostWidthBytes = 500

const unordered: ReadonlySet<string> = new Set(
  'json xml point line lseg box path polygon circle aclitem jsonb tsvector tsquery hstore'.split(' '),
)

/** Each is a set of indexes that only serve together: one index, or one for each branch of an OR. */
export function findCandidates(of: TableWants, tools: CandidateTools): readonly (readonly Candidate[])[] {
  const single = candidatesOf(of, of.wants, tools).map((one) => [one])
  const either = of.either.flatMap((branches) => {
    const each = branches.map((branch) => candidatesOf(of, branch, tools).find(({ isOrdered }) => !isOrdered))
    return each.some((one) => one === undefined) ? [] : [each.flatMap((one) => one ?? [])]
  })
  return [...single, ...either]
}

function candidatesOf(of: TableWants, wants: readonly Want[], tools: CandidateTools): readonly Candidate[] {
  const usable = wants.filter(({ key }) => isIndexable(key))
  const fixed = usable.filter(({ joins }) => joins === undefined)
  const partners = [...new Set(usable.flatMap(({ joins }) => joins ?? []))]
  const parts = partsOf(fixed, tools)
  const range = rangeOf(fixed, tools)
  const base = build(of, { ...parts, range, joining: [], order: [] }, tools)
  const joined = partners.map((alias) =>
    build(of, { ...parts, range, joining: usable.filter(({ joins }) => joins === alias), order: [] }, tools),
  )
  const ordered = orderOf(of, tools).map((order) =>
    build(of, { ...parts, lists: [], range: undefined, joining: [], order }, tools),
  )
  return [...[base, ...ordered, ...joined].flatMap((one) => one ?? []), ...specialCandidates(of, wants, tools)]
}

function isIndexable({ column }: Want['key']): boolean {
  if (column === undefined) return true
  return !unordered.has(column.type) && (column.stats?.widthBytes ?? 0) <= mostWidthBytes
}

interface Parts {
  readonly equal: readonly Want[]
  readonly lists: readonly Want[]
  /** Of a partial index, if there is anything else in it. */
  readonly constant: readonly Want[]
}

function partsOf(fixed: readonly Want[], { selectivities }: CandidateTools): Parts {
  const of = (want: Want): number => selectivities.get(want) ?? 1
  const useful = fixed.filter((want) => of(want) <= uselessBeyond).toSorted((left, right) => of(left) - of(right))
  const equal = once(useful.filter(({ predicate: { kind } }) => ['equal', 'null', 'true', 'false'].includes(kind)))
  return {
    equal,
    lists: once(useful.filter(({ predicate: { kind } }) => kind === 'in')),
    constant: [...equal, ...useful.filter(({ predicate: { kind } }) => kind === 'not-null')].filter(
      (want) => isProperty(want) && of(want) <= partialBelow,
    ),
  }
}

function once(wants: readonly Want[]): readonly Want[] {
  return wants.filter(({ key }, index) => wants.findIndex((other) => other.key.text === key.text) === index)
}

/** A condition that belongs to the query, and not to one call of it. */
function isProperty({ key, predicate }: Want): boolean {
  if (key.column === undefined || predicate.columns.length !== 1) return false
  if (['null', 'not-null', 'true', 'false'].includes(predicate.kind)) return true
  const [right] = predicate.right
  return (
    predicate.kind === 'equal' &&
    right?.kind === 'constant' &&
    (key.column.stats?.distinct ?? Infinity) <= partialValues
  )
}

/** The most selective; two bounds of one column are one range. */
function rangeOf(fixed: readonly Want[], { selectivities }: CandidateTools): readonly Want[] | undefined {
  const ranges = fixed.filter(({ predicate }) => predicate.kind === 'range' && predicate.right.every(isFixed))
  const groups = [...new Set(ranges.map(({ key }) => key.text))].map((text) =>
    ranges.filter(({ key }) => key.text === text),
  )
  const of = (group: readonly Want[]): number => combinedRange(group, selectivities)
  return groups.filter((group) => of(group) <= uselessBeyond).toSorted((left, right) => of(left) - of(right))[0]
}

/** Two bounds overlap: what each leaves, less what both leave out. */
function combinedRange(group: readonly Want[], selectivities: Selectivities): number {
  const each = group.map((want) => selectivities.get(want) ?? 1)
  if (each.length === 1) return each[0] ?? 1
  const both = each.reduce((sum, one) => sum + one, 0) - (each.length - 1)
  return both > 0.0001 ? both : each.reduce((product, one) => product * one, 1) * 0.1
}

/** The order in which rows are wanted, if only the first of them are. */
function orderOf(of: TableWants, { limitRows }: CandidateTools): readonly (readonly OrderWant[])[] {
  if (of.extreme !== undefined) return [[{ key: of.extreme, descending: false, nullsFirst: false }]]
  if (of.order.length === 0 || (of.limit === undefined && limitRows === undefined)) return []
  return of.order.every(({ key }) => isIndexable(key)) ? [of.order] : []
}

interface Plan extends Parts {
  readonly range: readonly Want[] | undefined
  readonly joining: readonly Want[]
  readonly order: readonly OrderWant[]
}

function build(of: TableWants, plan: Plan, { selectivities }: CandidateTools): Candidate | undefined {
  const joining = once(plan.joining.filter(({ predicate: { kind } }) => kind === 'equal' || kind === 'in'))
  const open = plan.equal.filter((want) => !plan.constant.includes(want))
  const others =
    open.length + joining.length + plan.lists.length + plan.order.length + (plan.range === undefined ? 0 : 1)
  const partial = others > 0 ? plan.constant : []
  const equal = others > 0 ? open : plan.equal
  const keys: CandidateKey[] = []
  const serves: Want[] = [...partial]
  let selectivity = partial.reduce((product, want) => product * (selectivities.get(want) ?? 1), 1)
  const rows = of.table.rows ?? 0
  const add = (key: CandidateKey, wants: readonly Want[], leaves: number): void => {
    if (keys.length >= mostKeys || keys.some((one) => one.key.text === key.key.text)) return
    keys.push(key)
    serves.push(...wants)
    selectivity *= leaves
  }
  for (const want of joining) add(plainKey(want.key, true), [want], selectivities.get(want) ?? 1)
  for (const want of equal) {
    if (keys.length > 0 && selectivity * rows <= fewRows && plan.order.length === 0) break
    add(plainKey(want.key, true), [want], selectivities.get(want) ?? 1)
  }
  const found = keys.length
  for (const item of orderKeys(plan.order)) add(item, [], 1)
  if (plan.order.length === 0) {
    for (const want of plan.lists) {
      if (keys.length > 0 && selectivity * rows <= fewRows) break
      add(plainKey(want.key, true), [want], selectivities.get(want) ?? 1)
    }
    if (plan.range !== undefined && (keys.length === 0 || selectivity * rows > fewRows)) {
      const [first] = plan.range
      if (first !== undefined) add(plainKey(first.key, false), plan.range, combinedRange(plan.range, selectivities))
    }
  }
  if (keys.length === 0 || (plan.joining.length > 0 && joining.length === 0)) return undefined
  if (plan.order.length > 0 && keys.length - found === 0 && found === 0) return undefined
  return {
    of,
    method: 'btree',
    keys,
    include: [],
    where: partial.length === 0 ? undefined : partial.map(printConstant).join(' and '),
    serves,
    selectivity,
    isOrdered: plan.order.length > 0,
    joins: joining[0]?.joins,
  }
}

/** An index can be read backwards, so that what is all descending is as good ascending. */
function orderKeys(order: readonly OrderWant[]): readonly CandidateKey[] {
  const turned = order.every(({ descending, nullsFirst }) => descending && nullsFirst)
  return order.map(({ key, descending, nullsFirst }) => ({
    key,
    operatorClass: undefined,
    descending: turned ? false : descending,
    nullsFirst: turned ? false : nullsFirst,
    isEqual: false,
  }))
}

function printConstant({ key, predicate }: Want): string {
  const [right] = predicate.right
  switch (predicate.kind) {
    case 'true':
      return key.text
    case 'false':
      return `not ${key.text}`
    case 'equal':
      return `${key.text} = ${right?.kind === 'constant' ? right.sql : 'null'}`
    default:
      return `${key.text} ${predicate.operator}`
  }
}
