// Whether an index that is there does what a candidate would. Pure. It has to be valid, of the same method, over the same keys in
// an order that serves, with an operator class that serves, and without a condition that the candidate does not have.

import type { IndexFacts, IndexKey } from '../plan/tables.ts'
import type { Candidate, CandidateKey } from './candidate.ts'

export function findCovering(candidate: Candidate): IndexFacts | undefined {
  return candidate.of.table.indexes.find((index) => covers(index, candidate))
}

function covers(index: IndexFacts, candidate: Candidate): boolean {
  if (!index.isValid || index.method !== candidate.method) return false
  if (index.predicate !== undefined && bare(index.predicate) !== bare(candidate.where ?? '')) return false
  if (candidate.method !== 'btree') return index.keys.some((own) => candidate.keys.every((key) => isSame(own, key)))
  const equal = candidate.keys.filter(({ isEqual }) => isEqual)
  const rest = candidate.keys.filter(({ isEqual }) => !isEqual)
  const leading = index.keys.slice(0, equal.length)
  if (leading.length < equal.length || !equal.every((key) => leading.some((own) => isSame(own, key)))) return false
  const following = index.keys.slice(equal.length, equal.length + rest.length)
  if (following.length < rest.length) return false
  if (!rest.every((key, place) => isSame(following[place], key))) return false
  if (!candidate.isOrdered) return true
  const turned = rest.map((key, place) => following[place]?.descending !== key.descending)
  const nulls = rest.map((key, place) => following[place]?.nullsFirst !== key.nullsFirst)
  // Read backwards, both are the other way round, in all keys.
  return [...turned, ...nulls].every((one) => !one) || [...turned, ...nulls].every(Boolean)
}

function isSame(own: IndexKey | undefined, { key, operatorClass }: CandidateKey): boolean {
  if (own === undefined) return false
  const classFits = operatorClass === undefined ? own.isDefaultClass : own.operatorClass === operatorClass
  // jsonb_ops does what jsonb_path_ops does, in more space.
  const larger = operatorClass === 'jsonb_path_ops' && own.operatorClass === 'jsonb_ops'
  if (!classFits && !larger) return false
  return key.column === undefined
    ? own.column === undefined && bare(own.definition) === bare(key.text)
    : own.column === key.column.name
}

/** As it would be without what the server adds when it prints an expression. */
function bare(text: string): string {
  return text
    .replaceAll(/::[a-z][a-z ]*/g, '')
    .replaceAll(/[\s()"]/g, '')
    .toLowerCase()
}
