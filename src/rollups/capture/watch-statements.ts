// The statements that put triggers where they are missing. Pure.

import { captureTriggers, dropTriggers } from './capture.ts'
import type { Relation, Source } from '../model/options.ts'
import type { Unwatched } from '../kept/queries.ts'
import type { StrayTrigger } from './relations.ts'
import { dropReplicaTrigger, replicaTrigger, replicaTruncate } from './replica-triggers.ts'

interface Mode {
  readonly subscriber: boolean
}

export function watchStatements(source: Source, unwatched: Unwatched, { subscriber }: Mode): readonly string[] {
  return [
    ...(unwatched.replica ? replicaTrigger(source) : []),
    ...unwatched.relations.flatMap((relation) => triggersOf(source, relation, { subscriber })),
  ]
}

export function triggersOf(source: Source, relation: Relation, { subscriber }: Mode): readonly string[] {
  return [
    ...captureTriggers(source, relation),
    ...(subscriber && relation.events === undefined ? replicaTruncate(relation) : []),
  ]
}

export function unwatchStatements(source: Source, unwatched: Unwatched): readonly string[] {
  return [
    ...unwatched.relations.flatMap(dropTriggers),
    ...(unwatched.replica ? dropReplicaTrigger(source).slice(0, 1) : []),
  ]
}

export function strayNames(strays: readonly StrayTrigger[]): readonly string[] {
  return [...new Set(strays.map(({ relation }) => relation))]
}

export function dropStrays(strays: readonly StrayTrigger[]): readonly string[] {
  return strays.map(({ relation, trigger }) => `drop trigger if exists ${trigger} on ${relation}`)
}
