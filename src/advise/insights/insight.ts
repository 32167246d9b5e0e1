// The shape of what is said of a plan: one rule a file, each a pure function of the plan and of what was read beside it. A rule
// speaks only beyond stated marks; what it says could be saved is an upper bound, from the plan's own numbers.

import type { Conditions, Predicate } from '../../sql/query/index.ts'
import type { ConditionName, Plan, PlanNode } from '../plan/node.ts'
import type { ColumnFacts, TableFacts } from '../plan/tables.ts'

export interface Insight {
  /** Of the rule: 'slow-scan'. */
  readonly rule: string
  /** Of the plan; undefined: it is about the whole. */
  readonly node: number | undefined
  /** 'Seq Scan on public.songs'. */
  readonly subject: string
  /** One sentence, with the numbers it follows from. */
  readonly what: string
  readonly why: string
  readonly advice: string
  /** Statements that mend it; empty where only a person can. */
  readonly fix: readonly string[]
  /** Statements that take back what lasts of it. */
  readonly undo: readonly string[]
  /** Of the run that was measured; undefined where nothing was, or no time follows. */
  readonly savesMs: number | undefined
  /** The same as a share of the plan, from 0 to 1: of its time if that was measured, else of its cost. What they are ranked by. */
  readonly share: number
}

export interface InsightRule {
  /** kebab-case; its file's name. */
  readonly name: string
  /** What it looks for, as the head of a line: 'Rows are read only to be thrown away'. */
  readonly summary: string
  /** The marks, in words: 'a Seq Scan that removes more than half …'. */
  readonly speaks: string
  readonly why: string
  /** It needs a plan that was run (EXPLAIN ANALYZE). */
  readonly needsRun: boolean
  look(given: Given): readonly Found[]
}

/** What a rule finds: the rest of an insight is the rule's own. */
export interface Found {
  readonly node?: PlanNode | undefined
  readonly subject?: string
  readonly what: string
  readonly advice: string
  readonly fix?: readonly string[]
  readonly undo?: readonly string[]
  /** Of the node's own time, or of its own cost, how much could go: 0 to 1. */
  readonly saves?: number
  /** Where the time is known otherwise. */
  readonly savesMs?: number
}

export interface Given {
  readonly plan: Plan
  readonly nodes: readonly PlanNode[]
  /** In pg's words, settings of the session: work_mem, jit_above_cost … */
  readonly settings: Readonly<Record<string, string>>
  readonly work: { readonly workMemBytes: number; readonly hashMemBytes: number; readonly blockBytes: number }
  /** Undefined: no table, or it could not be read. */
  readonly tableOf: (node: PlanNode) => TableFacts | undefined
  /** What a condition of a node comes to; nothing where it does not parse by itself. */
  readonly conditionsOf: (node: PlanNode, name: ConditionName) => Conditions
  readonly statement: StatementFacts | undefined
  /** The same statement planned without values, and with them; where both are known. */
  readonly costs: { readonly generic: number; readonly custom: number } | undefined
}

export interface StatementFacts {
  readonly isStar: boolean
  readonly materialized: readonly string[]
  /** Of a level, OFFSET as a number where it is written out or given. */
  readonly offset: number | undefined
  readonly predicates: readonly Predicate[]
}

export function columnIn(table: TableFacts | undefined, name: string): ColumnFacts | undefined {
  return table?.columns.find((column) => column.name === name)
}

const maxIdentifierBytes = 63

/** Of an index that a fix makes, so that it can be taken away again. */
export function nameOfIndex(table: string, ...parts: readonly string[]): string {
  const end = '_idx'
  let begin = [table, ...parts].join('_')
  while (Buffer.byteLength(begin + end) > maxIdentifierBytes) begin = Array.from(begin).slice(0, -1).join('')
  return begin + end
}

/** 1,234,567 */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

export function percent(share: number): string {
  return `${share > 0.99 && share < 1 ? '99' : Math.round(share * 100)} %`
}

export function milliseconds(durationMs: number): string {
  return durationMs < 10 ? `${durationMs.toFixed(1)} ms` : `${count(durationMs)} ms`
}

export function isScan(node: PlanNode): boolean {
  return node.relation !== undefined && node.type.endsWith('Scan')
}

export function isSequential(node: PlanNode): boolean {
  return /^(?:Parallel )?Seq Scan$/.test(node.type)
}

export function isIndexScan(node: PlanNode): boolean {
  return /^(?:Parallel )?Index (?:Only )?Scan$/.test(node.type)
}

/** Never more than this share of shared_buffers for one node of one statement: each connection may need it, several times. */
const boldShare = 0.25

/** As much work_mem as would do, for this statement alone; or that it would be too much. */
export function memoryFix(
  neededBytes: number,
  { work, settings }: Given,
  otherwise: string,
): Pick<Found, 'advice' | 'fix'> {
  const sharedBytes = Number(settings['shared_buffers'] ?? 0) * work.blockBytes
  const boundBytes = Math.max(64 * megabyte, sharedBytes * boldShare)
  const wanted = Math.ceil((neededBytes * 1.2) / megabyte)
  if (wanted * megabyte > boundBytes) {
    return {
      advice: `About ${count(wanted)} MB of memory would be needed, too much for each connection. ${otherwise}`,
      fix: [],
    }
  }
  return {
    advice: `Raise work_mem for this statement, not for all: every sort and hash of every connection may take as much. ${otherwise}`,
    fix: [`set local work_mem = '${Math.max(wanted, 4)}MB'`],
  }
}

const megabyte = 1_024 ** 2
