// A declared table and what is there → steps and what is held back. Pure.
//
// What holds: a plan that was applied is followed by an empty one; a step is bounded (a few dozen new tables, whose locks
// and files are one transaction's); partitions, once made, are only ever added to: nothing here detaches, drops or moves.

import type { Held, StepDraft } from '../plan/index.ts'
import { plural } from '../base/units.ts'
import { quoteQualified } from '../sql/quote.ts'
import {
  leafSettings,
  leafStatements,
  statementsBeforeLock,
  statementsOf,
  type BoundItem,
} from './convert/bound/item.ts'
import { describeTable, findHashDifference, findObstacle, hashPlace, type Obstacle } from './fit.ts'
import { isSameRow, layoutRowOf, upsertLayout, type LayoutRow } from './layout-rows.ts'
import type { MissingPartition } from './missing.ts'
import type { PartitionedTable } from './options.ts'
import { partitionLimit } from './periods.ts'
import type { PartitionState, TableState } from './queries.ts'
import { replaceEmpty } from './replace-empty.ts'
import { planSettings } from './settings.ts'
import {
  fillTemplate,
  hashBound,
  leafNames,
  rangeBound,
  setStatistics,
  templateFor,
  type TemplateSubject,
} from './template.ts'
import type { TableTiers } from './tier-states.ts'

/** Tables that one step makes, at most. */
const tablesPerStep = 48

export interface TableReading {
  readonly declared: PartitionedTable
  readonly state: TableState | undefined
  /** Of a plain table: it has no row. */
  readonly isEmpty: boolean
  readonly isConverting: boolean
  readonly partitions: readonly PartitionState[]
  /** Periods without a partition; hash partitions are counted here. */
  readonly missing: readonly MissingPartition[]
  /** Names of those of them of which the default partition holds rows. */
  readonly inDefault: ReadonlySet<string>
  /** What is bound to an empty plain table. */
  readonly bound: readonly BoundItem[]
  /** Rows stand in the order of the column of time, as far as is known. */
  readonly isOrdered: boolean
  readonly row: LayoutRow | undefined
  readonly tiers: TableTiers
  /** An index that is declared in words that make no index. */
  readonly unreadableIndex: string | undefined
}

export interface TablePlan {
  readonly steps: readonly StepDraft[]
  readonly held: readonly Held[]
}

export interface NewPartition {
  readonly name: string
  readonly bound: string
}

export function planTable(reading: TableReading): TablePlan {
  const { declared, state } = reading
  const hold = (why: string, todo: string): TablePlan => ({
    steps: [],
    held: [{ what: describeTable(declared), why, todo }],
  })
  if (reading.isConverting) {
    return hold('it is being converted', `watch it with \`pgstrata convert ${declared.key} --status\``)
  }
  const obstacle =
    findObstacle(declared, state) ?? findUnreadable(reading) ?? findHashDifference(declared, reading.partitions)
  if (obstacle !== undefined || state === undefined)
    return { steps: [], held: obstacle === undefined ? [] : [obstacle] }
  const impossible = findImpossible(reading)
  if (impossible !== undefined) return { steps: [], held: [impossible] }
  if (state.kind === 'partitioned') return planPartitioned(reading, state)
  if (!reading.isEmpty) {
    const rows = state.rowsEstimate < 0 ? 'rows' : `about ${plural(Math.round(state.rowsEstimate), 'row')}`
    return hold(`it is not partitioned, and has ${rows}`, `run \`pgstrata convert ${declared.key}\``)
  }
  const stuck = reading.bound.filter(({ verdict }) => verdict !== 'carried')
  if (stuck.length > 0) {
    return {
      steps: [],
      held: stuck.map(({ kind, name, how, wayOut = 'see docs/converting.md' }) => ({
        what: `${describeTable(declared)}, ${kind} ${name}`,
        why: how,
        todo: wayOut,
      })),
    }
  }
  return { steps: [planReplacement(reading, state)], held: [] }
}

export function findUnreadable({ declared, unreadableIndex: name }: TableReading): Obstacle | undefined {
  if (name === undefined) return undefined
  return {
    code: 'LAYOUT_IMPOSSIBLE',
    what: describeTable(declared),
    why: `its index "${name}" is declared in words that do not make a CREATE INDEX`,
    todo: "declare what stands between the parentheses, such as 'song_id, played_at desc'",
  }
}

export function subjectOf(reading: Pick<TableReading, 'declared' | 'isOrdered'>, state: TableState): TemplateSubject {
  const { declared, isOrdered } = reading
  return { declared, traits: state.traits, brin: declared.brin && isOrdered }
}

/** Names that are taken, and too many partitions: found before anything is made. */
export function findImpossible({ declared, partitions, missing }: TableReading): Obstacle | undefined {
  const { layout } = declared
  const each = layout.kind === 'hash' ? 1 : (layout.split?.into ?? 1)
  const leaves = partitions.reduce((sum, partition) => sum + partition.leaves.length, 0) + missing.length * each
  if (leaves > partitionLimit) {
    return {
      code: 'PARTITION_LIMIT',
      what: describeTable(declared),
      why: `it would have more than ${partitionLimit.toLocaleString('en-US')} partitions`,
      todo: 'declare a coarser grain, or a later `from`',
    }
  }
  const taken = missing.find((one) => one.taken)
  if (taken === undefined) return undefined
  return {
    code: 'LAYOUT_IMPOSSIBLE',
    what: describeTable(declared),
    why: `the name "${taken.name}" of a missing partition belongs to another relation`,
    todo: 'rename or drop that relation, or declare other `names`',
  }
}

/** What there is to be made, with names and bounds. */
export function newPartitions(
  reading: Pick<TableReading, 'declared' | 'partitions' | 'missing' | 'inDefault'>,
): readonly NewPartition[] {
  const { declared, partitions, missing, inDefault } = reading
  const { layout } = declared
  if (layout.kind !== 'hash') {
    return missing.filter(({ name }) => !inDefault.has(name)).map((one) => ({ name: one.name, bound: rangeBound(one) }))
  }
  const there = new Set(partitions.map(({ bound }) => hashPlace(bound)?.remainder))
  return Array.from({ length: layout.into }, (_, remainder) => remainder)
    .filter((remainder) => !there.has(remainder))
    .map((remainder) => ({ name: hashName(declared, remainder), bound: hashBound(layout.into, remainder) }))
}

function hashName({ names, table }: PartitionedTable, remainder: number): string {
  return names.replaceAll('{table}', () => table).replaceAll('{period}', () => `part_${remainder}`)
}

function planPartitioned(reading: TableReading, state: TableState): TablePlan {
  const { declared, partitions, tiers } = reading
  const subject = subjectOf(reading, state)
  const defaults = planDefault(reading, subject)
  return {
    steps: [
      ...planMissing(reading, subject),
      ...defaults.steps,
      ...planSettings({ declared, brin: subject.brin, state, partitions, tiers }),
      ...planRow(reading, subject),
    ],
    held: defaults.held,
  }
}

function planMissing(reading: TableReading, subject: TemplateSubject): readonly StepDraft[] {
  const { declared } = reading
  const { layout } = declared
  const template = templateFor(subject)
  const wanted = newPartitions(reading)
  const each = layout.kind === 'hash' ? 1 : 1 + (layout.split?.into ?? 0)
  return chunks(wanted, Math.max(1, Math.floor(tablesPerStep / each))).map((some) => ({
    title: `Make ${plural(some.length, 'partition')} of ${describeTable(declared)}: ${span(some)}`,
    statements: some.flatMap((one) => fillTemplate(template, one)),
    undo: some.map(({ name }) => `drop table ${quoteQualified(declared.schema, name)}`).toReversed(),
  }))
}

function span(some: readonly NewPartition[]): string {
  const [first, last] = [some[0]?.name ?? '', some.at(-1)?.name ?? '']
  return first === last ? first : `${first} to ${last}`
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}

/** One table, however the periods are divided: it is meant to be empty. */
function planDefault({ declared, partitions, inDefault }: TableReading, subject: TemplateSubject): TablePlan {
  const there = partitions.find(({ isDefault }) => isDefault)
  if (declared.outside === 'refuse' || declared.layout.kind === 'hash') {
    if (there === undefined) return { steps: [], held: [] }
    return {
      steps: [],
      held: [
        {
          what: describeTable(declared),
          why: `"${there.name}" takes rows outside of every period, and such rows are declared to be refused`,
          todo: "declare outside: 'default', or move its rows and drop it",
        },
      ],
    }
  }
  if (there !== undefined) {
    const held: Held = {
      what: describeTable(declared),
      why: `rows of ${plural(inDefault.size, 'missing period')} are in its default partition "${there.name}"`,
      todo: 'run `pgstrata jobs run drain`, which moves them',
    }
    return { steps: [], held: inDefault.size === 0 ? [] : [held] }
  }
  const name = `${declared.table}_default`
  return {
    steps: [
      {
        title: `Make the default partition of ${describeTable(declared)}`,
        statements: fillTemplate(templateFor(undivided(subject)), { name, bound: 'default' }),
        undo: [`drop table ${quoteQualified(declared.schema, name)}`],
      },
    ],
    held: [],
  }
}

export function undivided(subject: TemplateSubject): TemplateSubject {
  const { layout } = subject.declared
  if (layout.kind === 'hash') return subject
  return { ...subject, declared: { ...subject.declared, layout: { ...layout, split: undefined } } }
}

function planRow({ declared, row }: TableReading, subject: TemplateSubject): readonly StepDraft[] {
  const wanted = layoutRowOf(declared, templateFor(subject))
  if (row !== undefined && isSameRow(row, wanted)) return []
  return [
    {
      title: `Note how ${describeTable(declared)} is laid out${describeRetention(row, wanted)}`,
      statements: [upsertLayout(wanted)],
      undo: row === undefined ? null : [upsertLayout(row)],
      whyNoUndo: 'declare the table no more, and the note goes',
    },
  ]
}

/** A shorter one takes partitions out: that is to be seen before it is applied. */
function describeRetention(row: LayoutRow | undefined, wanted: LayoutRow): string {
  if (row === undefined) return ''
  const kept = ({ retain }: LayoutRow): string => {
    const { age, count } = (retain ?? {}) as { age?: string; count?: number }
    return age ?? (count === undefined ? 'everything' : plural(count, 'partition'))
  }
  const [before, after] = [kept(row), kept(wanted)]
  return before === after ? '' : `, which keeps ${after} from now on (until now ${before})`
}

function planReplacement(reading: TableReading, state: TableState): StepDraft {
  const { declared, bound } = reading
  const subject = subjectOf(reading, state)
  const settings = leafSettings(bound)
  const settle = (leaf: string): readonly string[] =>
    settings === undefined ? [] : leafStatements(settings, quoteQualified(declared.schema, leaf))
  const made = newPartitions(reading)
  return replaceEmpty({
    declared,
    beforeLock: statementsBeforeLock(bound),
    bound: (phase) => statementsOf(bound, phase),
    partitions: (parent) => {
      const template = templateFor({ ...subject, parent })
      const name = `${declared.table}_default`
      const outside =
        declared.outside === 'default' && declared.layout.kind !== 'hash'
          ? [
              ...fillTemplate(templateFor({ ...undivided(subject), parent }), { name, bound: 'default' }),
              ...settle(name),
            ]
          : []
      const own = quoteQualified(declared.schema, parent)
      const targets = Object.entries(declared.statistics).map(([column, target]) => setStatistics(own, column, target))
      const periods = made.flatMap((one) => [
        ...fillTemplate(template, one),
        ...leafNames(declared, one.name).flatMap(settle),
      ])
      return [...targets, ...periods, ...outside]
    },
    note: upsertLayout(layoutRowOf(declared, templateFor(subject))),
  })
}
