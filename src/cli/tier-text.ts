// Tiers as a person reads them in a terminal: where partitions are, what that saves, what happens next, and what packs are made of.
// Pure.

import { formatSize, plural } from '../base/units.ts'
import type {
  MovedPartition,
  PackedColumnReport,
  PackReport,
  TableTierStatus,
  TierFinding,
  TierPartitionStatus,
} from '../tiers/index.ts'
import { paint, type CliContext, type Style } from './context.ts'
import { formatTable } from './output.ts'

/** One line for each table, and what should be seen to. */
export function summaryLines(context: CliContext, statuses: readonly TableTierStatus[]): readonly string[] {
  const rows = statuses.map(({ key, state, partitions }) => [
    key,
    state,
    plural(partitions.length, 'partition'),
    tally(partitions),
    savedOf(partitions),
  ])
  const findings = statuses.flatMap(({ key, findings: own }) => findingLines(context, own, `${key}: `))
  return [...formatTable(rows), ...(findings.length === 0 ? [] : ['', ...findings])]
}

/** '3 hot, 2 packed, 1 cold' */
function tally(partitions: readonly TierPartitionStatus[]): string {
  const tiers = ['hot', 'slim', 'packed', 'cold'] as const
  return tiers
    .map((tier) => ({ tier, count: partitions.filter((one) => one.tier === tier).length }))
    .filter(({ count }) => count > 0)
    .map(({ tier, count }) => `${count.toLocaleString('en-US')} ${tier}`)
    .join(', ')
}

function savedOf(partitions: readonly TierPartitionStatus[]): string {
  const moved = partitions.filter(({ tier, hotBytes }) => tier !== 'hot' && hotBytes !== null)
  if (moved.length === 0) return ''
  const before = moved.reduce((sum, { hotBytes }) => sum + (hotBytes ?? 0), 0)
  const now = moved.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return `${formatSize(before)} became ${formatSize(now)}`
}

/** Each partition of a table. */
export function tableLines(context: CliContext, status: TableTierStatus): readonly string[] {
  const { schema, table, state, partitions, findings } = status
  const rows = formatTable(
    partitions.map((one) => [
      `  ${one.name}`,
      one.state,
      one.rows === null ? '' : plural(Math.round(one.rows), 'row'),
      sizesOf(one),
      one.archiveBytes === null ? '' : `${formatSize(one.archiveBytes)} archived`,
      nextOf(one),
    ]),
  )
  return [
    `${paint(context, 'bold', `${schema}.${table}`)}  ${state}`,
    ...(rows.length === 0 ? [] : ['', ...rows]),
    ...(findings.length === 0 ? [] : ['', ...findingLines(context, findings, '')]),
  ]
}

/** '24.0 MB was 130 MB (5.4×)' */
function sizesOf({ tier, hotBytes, sizeBytes }: TierPartitionStatus): string {
  const now = formatSize(sizeBytes)
  if (tier === 'hot' || hotBytes === null) return now
  return `${now}, was ${formatSize(hotBytes)}${timesOf(hotBytes, sizeBytes)}`
}

function timesOf(before: number, now: number): string {
  return now <= 0 || before <= now ? '' : ` (${(before / now).toFixed(1)}×)`
}

function nextOf({ next, held }: TierPartitionStatus): string {
  if (held) return 'held where it is'
  if (next === null) return ''
  return next.on === null
    ? `${next.move} next`
    : `${next.move} on ${next.on.toISOString().slice(0, 16).replace('T', ' ')}Z`
}

const styles: Readonly<Record<TierFinding['gravity'], Style>> = { note: 'dim', warn: 'yellow', fail: 'red' }

function findingLines(context: CliContext, findings: readonly TierFinding[], prefix: string): readonly string[] {
  return findings.flatMap(({ gravity, what, advice }) => [
    `${paint(context, styles[gravity], gravity)}  ${prefix}${what}`,
    `      ${paint(context, 'cyan', '→')} ${advice}`,
  ])
}

export function movedLine(context: CliContext, moved: MovedPartition): string {
  const { name, state, rows, hotBytes, sizeBytes } = moved
  const sizes =
    hotBytes === null || sizeBytes === null || state === 'hot'
      ? []
      : [`${formatSize(hotBytes)} became ${formatSize(sizeBytes)}${timesOf(hotBytes, sizeBytes)}`]
  const facts = [state, ...(rows === null ? [] : [plural(rows, 'row')]), ...sizes]
  return paint(context, 'green', `${name}: ${facts.join(', ')}`)
}

export function packLines(context: CliContext, packs: readonly PackReport[]): readonly string[] {
  return packs.flatMap((pack, index) => [
    ...(index === 0 ? [] : ['']),
    `${paint(context, 'bold', pack.name)}  ${plural(pack.rows, 'row')} in ${plural(pack.segments, 'segment')}, ${formatSize(pack.sizeBytes)}`,
    `  ${orderOf(pack)}`,
    ...formatTable(pack.columns.toSorted(byBytes).map((column) => columnCells(column, pack))),
  ])
}

function orderOf({ segmentBy, orderBy }: PackReport): string {
  const order = `in order of ${orderBy.join(', ')}`
  return segmentBy.length === 0 ? order : `cut by ${segmentBy.join(', ')}, ${order}`
}

const bytesOf = ({ segmentBytes, wordBytes }: PackedColumnReport): number => segmentBytes + wordBytes
const byBytes = (left: PackedColumnReport, right: PackedColumnReport): number => bytesOf(right) - bytesOf(left)

function columnCells(column: PackedColumnReport, { rows }: PackReport): readonly string[] {
  const { name, type, codec, wordBytes } = column
  const each = rows === 0 ? '' : `${(bytesOf(column) / rows).toFixed(2)} bytes a row`
  return [
    `  ${name}`,
    type,
    codec,
    formatSize(bytesOf(column)),
    each,
    wordBytes === 0 ? '' : `${formatSize(wordBytes)} of it words`,
  ]
}
