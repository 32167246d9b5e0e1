// A plan as a tree for a terminal: what took the time stands left of it, as a number and as a bar; how far the estimate was off
// stands where it matters. Pure; as wide as it is told, and cut at the end of a line, never in a column.

import { formatSize } from '../../base/units.ts'
import { describeNode, estimateFactor, listNodes, type Plan, type PlanNode } from './node.ts'

type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string) => string

export interface RenderOptions {
  /** Characters a line may have; undefined: as many as it takes. */
  readonly width?: number | undefined
  readonly paint?: Paint
  /** Of a page of the server. */
  readonly blockBytes?: number
}

const barCells = 10
const plain: Paint = (_style, text) => text

export function renderPlan(plan: Plan, options: RenderOptions = {}): readonly string[] {
  const { width = Number.POSITIVE_INFINITY, paint = plain, blockBytes = 8_192 } = options
  const wholeMs = plan.executionMs ?? plan.root.actual?.totalMs ?? 0
  const whole = plan.isAnalyzed ? wholeMs : listNodes(plan.root).reduce((sum, { cost }) => sum + cost.self, 0)
  const rows = walk(plan.root, '', '').map(({ node, lead, below }) => ({
    node,
    lead,
    below,
    cells: cellsOf(node, whole, plan.isAnalyzed),
  }))
  const head = plan.isAnalyzed ? ['self', 'share', 'rows', 'estimate'] : ['cost', 'share', 'rows', '']
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  )
  const columns = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 1 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  const indent = ' '.repeat(columns(head).length + 2)
  const cut = (text: string, used: number): string => fit(text, width - used)
  return [
    paint('dim', fit(`${columns(head)}  node`, width)),
    ...rows.flatMap(({ node, lead, below, cells }) => [
      [
        colour(`${columns(cells)}  `, shareOf(node, whole, plan.isAnalyzed), paint),
        paint('dim', cut(lead, indent.length)),
        cut(titleOf(node), indent.length + lead.length),
      ].join(''),
      ...detailsOf(node, blockBytes).map(
        (detail) => `${indent}${paint('dim', cut(`${below}  ${detail}`, indent.length))}`,
      ),
    ]),
    ...footOf(plan).map((line) => fit(line, width)),
  ]
}

interface Line {
  readonly node: PlanNode
  /** The branch that leads to it. */
  readonly lead: string
  /** What stands left of its details. */
  readonly below: string
}

function walk(node: PlanNode, lead: string, rest: string): readonly Line[] {
  const last = node.children.length - 1
  return [
    { node, lead, below: node.children.length > 0 ? `${rest}│` : rest },
    ...node.children.flatMap((child, index) =>
      walk(child, `${rest}${index === last ? '└─ ' : '├─ '}`, `${rest}${index === last ? '   ' : '│  '}`),
    ),
  ]
}

function shareOf(node: PlanNode, whole: number, isAnalyzed: boolean): number {
  const own = isAnalyzed ? (node.actual?.selfMs ?? 0) : node.cost.self
  return whole <= 0 ? 0 : Math.min(1, own / whole)
}

function cellsOf(node: PlanNode, whole: number, isAnalyzed: boolean): readonly string[] {
  const { actual } = node
  const filled = Math.round(shareOf(node, whole, isAnalyzed) * barCells)
  const bar = `${'█'.repeat(filled)}${'·'.repeat(barCells - filled)}`
  if (!isAnalyzed) return [formatCount(node.cost.self), bar, formatCount(node.planRows), '']
  if (actual === undefined || actual.loops === 0) return ['', '·'.repeat(barCells), 'never run', '']
  const self = actual.selfMs === undefined ? '' : formatMs(actual.selfMs)
  return [self, bar, formatCount(actual.rows), formatFactor(estimateFactor(node) ?? 1)]
}

function colour(line: string, share: number, paint: Paint): string {
  if (share >= 0.5) return paint('red', line)
  return share >= 0.1 ? paint('yellow', line) : line
}

function titleOf(node: PlanNode): string {
  const loops = node.actual?.loops ?? 1
  return [
    node.subplanName === undefined ? '' : `${node.subplanName}: `,
    describeNode(node),
    loops > 1 ? ` ×${formatCount(loops)}` : '',
    node.isDisabled ? ' (disabled)' : '',
  ].join('')
}

function detailsOf(node: PlanNode, blockBytes: number): readonly string[] {
  const { actual, sort, hash, bitmap, buffers, workers, memoize } = node
  const removed = actual?.removed
  const gone = (removed?.filter ?? 0) + (removed?.joinFilter ?? 0) + (removed?.recheck ?? 0)
  const facts = [
    gone > 0 ? `removed ${formatCount(gone)} rows` : '',
    sort === undefined
      ? ''
      : `${sort.method}, ${formatSize(sort.diskBytes > 0 ? sort.diskBytes : sort.memoryBytes)}${sort.diskBytes > 0 ? ' on disk' : ''}`,
    hash === undefined || hash.batches <= 1 ? '' : `${formatCount(hash.batches)} batches`,
    bitmap === undefined || bitmap.lossy === 0 ? '' : `${formatCount(bitmap.lossy)} lossy pages`,
    node.heapFetches === undefined || node.heapFetches === 0
      ? ''
      : `${formatCount(node.heapFetches)} fetched from the table`,
    workers === undefined ? '' : `workers ${workers.launched ?? 0} of ${workers.planned}`,
    memoize === undefined ? '' : `${formatCount(memoize.hits)} hits, ${formatCount(memoize.misses)} misses`,
    (node.subplansRemoved ?? 0) > 0 ? `${formatCount(node.subplansRemoved ?? 0)} parts ruled out` : '',
    (node.indexSearches ?? 0) > (actual?.loops ?? 1) ? `${formatCount(node.indexSearches ?? 0)} searches` : '',
    (buffers?.self.read ?? 0) > 0 ? `read ${formatSize((buffers?.self.read ?? 0) * blockBytes)}` : '',
    (buffers?.self.tempWritten ?? 0) > 0
      ? `wrote ${formatSize((buffers?.self.tempWritten ?? 0) * blockBytes)} to files`
      : '',
  ].filter((fact) => fact !== '')
  return [
    ...Object.entries(node.conditions).map(([name, text]) => `${name}: ${text}`),
    ...(node.sortKey.length === 0 ? [] : [`by ${node.sortKey.join(', ')}`]),
    ...(node.groupKey.length === 0 ? [] : [`group by ${node.groupKey.join(', ')}`]),
    ...(facts.length === 0 ? [] : [facts.join(' · ')]),
  ]
}

function footOf({ planningMs, executionMs, triggers, jit, serialization, settings }: Plan): readonly string[] {
  const times = [
    executionMs === undefined ? '' : `run ${formatMs(executionMs)}`,
    planningMs === undefined ? '' : `planning ${formatMs(planningMs)}`,
    jit === undefined ? '' : `JIT ${formatMs(jit.totalMs)}`,
    serialization === undefined ? '' : `answer ${formatSize(serialization.outputBytes)}`,
    ...triggers.map(
      ({ name, constraint, timeMs, calls }) => `${constraint ?? name} ${formatMs(timeMs)} ×${formatCount(calls)}`,
    ),
  ].filter((part) => part !== '')
  const set = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  return [...(times.length === 0 ? [] : [times.join(' · ')]), ...(set.length === 0 ? [] : [`set: ${set.join(', ')}`])]
}

/** With three characters of meaning. */
function formatMs(durationMs: number): string {
  if (durationMs >= 60_000) return `${(durationMs / 60_000).toFixed(1)} min`
  if (durationMs >= 1_000) return `${(durationMs / 1_000).toFixed(2)} s`
  return `${durationMs.toFixed(durationMs < 10 ? 2 : durationMs < 100 ? 1 : 0)} ms`
}

function formatCount(value: number): string {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(2) : Math.round(value).toLocaleString('en-US')
}

/** What is within a factor of two is as expected. */
function formatFactor(factor: number): string {
  if (factor >= 2) return `${formatCount(factor)}× more`
  return factor <= 0.5 ? `${formatCount(1 / factor)}× fewer` : '✓'
}

function fit(text: string, width: number): string {
  const characters = Array.from(text)
  if (characters.length <= width) return text
  return width <= 0 ? '' : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}
