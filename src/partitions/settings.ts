// Partitions that are there, and are not as declared: storage settings, statistics targets and indexes of their own. Pure.
//
// Indexes are built CONCURRENTLY, leaf by leaf, outside of transactions. One that is there under its name counts as
// declared if it is valid and carries our comment, or if somebody else made it: that one is left alone.

import { plural } from '../base/units.ts'
import type { StepDraft } from '../plan/index.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../sql/quote.ts'
import { describeTable } from './fit.ts'
import type { PartitionedTable, PartitionIndex } from './options.ts'
import type { LeafState, PartitionState, TableState } from './queries.ts'
import {
  buildingName,
  createIndex,
  indexComment,
  indexesOf,
  indexName,
  setStatistics,
  slimIndexes,
  slimStorage,
} from './template.ts'
import type { PartitionTier, TableTiers } from './tier-states.ts'

/** Leaves that one step sees to, at most. */
const leavesPerStep = 20

export interface SettingsReading {
  readonly declared: PartitionedTable
  readonly brin: boolean
  readonly state: TableState
  readonly partitions: readonly PartitionState[]
  readonly tiers: TableTiers
}

interface Change {
  readonly statements: readonly string[]
  readonly undo: readonly string[]
}

export function planSettings(reading: SettingsReading): readonly StepDraft[] {
  const { declared, brin, state, tiers } = reading
  const whole = leavesOf(reading, (tier) => tier === 'hot' || tier === 'packed')
  const slim = leavesOf(reading, (tier) => tier === 'slim')
  const slimDeclared = { ...declared, storage: { ...declared.storage, ...slimStorage } }
  const what = describeTable(declared)
  const settings = [
    changeOwnTargets(declared, state),
    ...whole.map((leaf) => changeSettings(declared, leaf)),
    ...slim.map((leaf) => changeSettings(slimDeclared, leaf)),
  ]
  const indexes = (
    leaves: readonly LeafState[],
    wanted: readonly PartitionIndex[],
    kind: string,
  ): readonly StepDraft[] =>
    wanted.flatMap((index) =>
      group(
        leaves.map((leaf) => changeIndex(leaf, index)),
        (count) => `Index "${index.name}" of ${plural(count, kind)} of ${what}`,
      ),
    )
  return [
    ...group(settings, (count) => `Set what is declared of ${plural(count, 'partition')} of ${what}`),
    ...indexes(whole, indexesOf(declared, brin), 'partition'),
    ...(tiers.slim === undefined ? [] : indexes(slim, slimIndexes(declared, tiers.slim), 'slim partition')),
  ]
}

/** A partition on its way to another tier is left alone: what is altered of it makes the move begin again. */
function leavesOf(
  { partitions, tiers }: SettingsReading,
  isWanted: (tier: PartitionTier) => boolean,
): readonly LeafState[] {
  return partitions
    .filter(({ oid, detachPending }) => !detachPending && isWanted(tiers.partitions.get(oid)?.tier ?? 'hot'))
    .flatMap((partition) => partition.leaves)
    .filter(({ foreign }) => !foreign)
}

function group(changes: readonly Change[], title: (count: number) => string): readonly StepDraft[] {
  const needed = changes.filter(({ statements }) => statements.length > 0)
  return Array.from({ length: Math.ceil(needed.length / leavesPerStep) }, (_, index) => {
    const some = needed.slice(index * leavesPerStep, (index + 1) * leavesPerStep)
    return {
      title: title(some.length),
      statements: some.flatMap(({ statements }) => statements),
      undo: some.flatMap(({ undo }) => undo).toReversed(),
    }
  })
}

/** ANALYZE of the partitioned table itself goes by its own targets. */
function changeOwnTargets(declared: PartitionedTable, { columns }: TableState): Change {
  const table = quoteQualified(declared.schema, declared.table)
  const differing = Object.entries(declared.statistics).flatMap(([name, target]) => {
    const column = columns.find((one) => one.name === name)
    return column === undefined || column.statistics === target ? [] : [{ name, target, before: column.statistics }]
  })
  return {
    statements: differing.map(({ name, target }) => setStatistics(table, name, target)),
    undo: differing.map(({ name, before }) => setStatistics(table, name, before)),
  }
}

function changeSettings(declared: PartitionedTable, leaf: LeafState): Change {
  const table = quoteQualified(leaf.schema, leaf.name)
  const storage = Object.entries(declared.storage).filter(
    ([name, value]) => leaf.options[name] !== value && (leaf.hasToast || !name.startsWith('toast.')),
  )
  const targets = Object.entries(declared.statistics).filter(([name, target]) => leaf.statistics[name] !== target)
  const list = storage.map(([name, value]) => `${name} = ${quoteLiteral(value)}`).join(', ')
  return {
    statements: [
      ...(storage.length === 0 ? [] : [`alter table ${table} set (${list})`]),
      ...targets.map(([name, target]) => setStatistics(table, name, target)),
    ],
    undo: [
      ...targets.map(([name]) => setStatistics(table, name, leaf.statistics[name] ?? -1)),
      ...storage.map(([name]) => {
        const before = leaf.options[name]
        return before === undefined
          ? `alter table ${table} reset (${name})`
          : `alter table ${table} set (${name} = ${quoteLiteral(before)})`
      }),
    ],
  }
}

/**
 * Built under another name, and given its own when its comment is there: whoever is killed in between leaves nothing that
 * could be taken for an index of somebody else's making.
 */
function changeIndex(leaf: LeafState, index: PartitionIndex): Change {
  const name = indexName(leaf.name, index)
  const building = buildingName(name)
  // A partition of somebody else's naming may leave no room for ours.
  if (Buffer.byteLength(building) > 63) return { statements: [], undo: [] }
  const there = leaf.indexes.find((one) => one.name === name)
  const built = leaf.indexes.find((one) => one.name === building)
  const drop = (which: string): string => `drop index concurrently if exists ${quoteQualified(leaf.schema, which)}`
  const isOurs = there?.comment?.startsWith('pgstrata ') === true
  const comment = indexComment(index)
  if (there?.valid === true && (!isOurs || there.comment === comment)) {
    const isLeftover = built !== undefined && (!built.valid || built.comment?.startsWith('pgstrata ') === true)
    return { statements: isLeftover ? [drop(building)] : [], undo: [] }
  }
  const isBuilt = built?.valid === true && built.comment === comment
  const create = createIndex(leaf.schema, leaf.name, index, { concurrently: true, name: building })
  return {
    statements: [
      ...(isBuilt || built === undefined ? [] : [drop(building)]),
      ...(isBuilt ? [] : create),
      ...(there === undefined ? [] : [drop(name)]),
      `alter index ${quoteQualified(leaf.schema, building)} rename to ${quoteIdent(name)}`,
    ],
    undo: [drop(name)],
  }
}
