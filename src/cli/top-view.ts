// One page of `top`: what the servers are at, as lines that fit a screen. Pure.
//
// What holds: no line is wider than the screen, and there are no more lines than it has; what does not fit is left out from
// below. What is not known is said to be, with the reason. Nothing that a server says moves the cursor or changes colours.

import { formatDuration, formatSize } from '../base/units.ts'

export interface TopModel {
  readonly at: Date
  readonly target: string
  readonly version: string
  /** Mean of active sessions by what they wait for; 'CPU' for nothing. Undefined: not yet looked at. */
  readonly load: readonly { readonly wait: string; readonly sessions: number }[] | undefined
  /** How many can run at once, where it is known. */
  readonly cores: number | undefined
  readonly connections:
    | { readonly active: number; readonly idle: number; readonly inTransaction: number; readonly most: number }
    | undefined
  readonly rates: {
    readonly commits: number
    readonly rollbacks: number
    readonly hitRatio: number | undefined
    readonly walBytes: number | undefined
  }
  readonly statements: readonly TopStatement[]
  readonly nodes: readonly { readonly name: string; readonly role: string; readonly lagMs: number | undefined }[]
  readonly blocked: number
  readonly longestTransactionMs: number | undefined
  readonly alerts: readonly { readonly severity: string; readonly summary: string }[]
  /** What could not be asked, and why. */
  readonly notAsked: readonly string[]
}

interface TopStatement {
  readonly text: string
  readonly callsPerSecond: number
  readonly meanMs: number
  /** Of the time that all statements took. */
  readonly share: number
}

export interface Screen {
  readonly columns: number
  readonly rows: number
}

export type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string) => string

const mostWaits = 6
const barCells = 30

export function renderTop(model: TopModel, screen: Screen, paint: Paint): readonly string[] {
  const columns = Math.max(1, screen.columns)
  const lines: Line[] = [
    head(model),
    summary(model),
    ...(model.nodes.length > 1 ? [nodes(model)] : []),
    ...alerts(model),
    [],
    ...load(model),
    [],
    ...statements(model, columns),
    ...notes(model),
  ]
  return lines.slice(0, Math.max(1, screen.rows)).map((line) => fit(line, columns, paint))
}

type Part = string | readonly [style: Parameters<Paint>[0], text: string]
type Line = readonly Part[]

/** Cut where the screen ends, styles and all. */
function fit(line: Line, columns: number, paint: Paint): string {
  let left = columns
  let text = ''
  for (const part of line) {
    const [style, words] = typeof part === 'string' ? [undefined, part] : part
    const clean = words.replaceAll(/\p{Cc}|\p{Surrogate}|\p{Bidi_Control}|[\u2028\u2029]/gu, ' ')
    const cells = cellsOf(clean)
    const shown = cells <= left ? clean : `${start(clean, left - 1)}…`
    left = Math.max(0, left - cells)
    text += style === undefined || shown === '' ? shown : paint(style, shown)
    if (left === 0) break
  }
  return text.trimEnd()
}

/** Terminals give two cells to characters of East Asia and to pictures, and none to what is put over the one before. */
const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}/u

function cellsOf(text: string): number {
  return Array.from(text).reduce((sum, one) => sum + cellsOfOne(one), 0)
}

function cellsOfOne(character: string): number {
  return /^[\p{Mark}\p{Format}]$/u.test(character) ? 0 : wide.test(character) ? 2 : 1
}

/** As much of it as has room. */
function start(text: string, room: number): string {
  let left = room
  const shown = Array.from(text).filter((one) => left >= 0 && (left -= cellsOfOne(one)) >= 0)
  return shown.join('')
}

function head({ at, target, version }: TopModel): Line {
  return [['bold', 'pgstrata top'], `  ${target}  PostgreSQL ${version}  ${at.toISOString().slice(11, 19)} UTC`]
}

function summary({ connections, rates, blocked, longestTransactionMs }: TopModel): Line {
  const parts: Part[] = []
  if (connections !== undefined) {
    const { active, idle, inTransaction, most } = connections
    const used = active + idle + inTransaction
    parts.push(`${used} of ${most} connections (${active} active, ${inTransaction} idle in transaction)`, '   ')
  }
  parts.push(`${perSecond(rates.commits)} commits/s`)
  if (rates.rollbacks > 0) parts.push(', ', ['yellow', `${perSecond(rates.rollbacks)} rollbacks/s`])
  if (rates.hitRatio !== undefined) parts.push(`   ${(rates.hitRatio * 100).toFixed(1)} % from buffers`)
  if (rates.walBytes !== undefined) parts.push(`   WAL ${formatSize(rates.walBytes)}/s`)
  if (longestTransactionMs !== undefined && longestTransactionMs > 60_000)
    parts.push('   ', ['yellow', `a transaction of ${formatDuration(longestTransactionMs)}`])
  if (blocked > 0) parts.push('   ', ['red', `${blocked} blocked`])
  return parts
}

function nodes({ nodes: all }: TopModel): Line {
  return all.flatMap(({ name, role, lagMs }, index): Part[] => [
    index === 0 ? '' : '   ',
    `${name} ${role}`,
    role === 'primary' ? '' : lagMs === undefined ? ' (lag unknown)' : ` ${formatDuration(lagMs)} behind`,
  ])
}

function alerts({ alerts: standing }: TopModel): Line[] {
  return standing.map(({ severity, summary: said }): Line => [
    [severity === 'critical' ? 'red' : 'yellow', `${severity}: ${said}`],
  ])
}

function load({ load: waits, cores }: TopModel): Line[] {
  if (waits === undefined) return [[['dim', 'Load is looked at …']]]
  const total = waits.reduce((sum, { sessions }) => sum + sessions, 0)
  const of = cores === undefined ? '' : ` of ${cores} cores`
  const title: Line = [['bold', 'Load'], `  ${total.toFixed(2)} active sessions${of}, the mean of the last minute`]
  const largest = Math.max(1, ...waits.map(({ sessions }) => sessions))
  const shown = waits.toSorted((a, b) => b.sessions - a.sessions).slice(0, mostWaits)
  const width = Math.max(...shown.map(({ wait }) => wait.length), 0)
  return [
    title,
    ...shown.map(({ wait, sessions }): Line => [
      `  ${wait.padEnd(width)}  ${sessions.toFixed(2).padStart(6)}  `,
      [wait === 'CPU' ? 'green' : 'yellow', '█'.repeat(Math.round((sessions / largest) * barCells))],
    ]),
  ]
}

function statements({ statements: all }: TopModel, columns: number): Line[] {
  if (all.length === 0) return [[['dim', 'No statement was counted since the page before.']]]
  const room = Math.max(10, columns - 36)
  return [
    [['bold', '  share   calls/s       mean  statement']],
    ...all.map(({ text, callsPerSecond, meanMs, share }): Line => [
      `${(share * 100).toFixed(1).padStart(6)}%`,
      perSecond(callsPerSecond).padStart(10),
      shortMs(meanMs).padStart(11),
      `  ${text.replaceAll(/\s+/g, ' ').trim().slice(0, room)}`,
    ]),
  ]
}

function notes({ notAsked }: TopModel): Line[] {
  return notAsked.length === 0 ? [] : [[], ...notAsked.map((why): Line => [['dim', why]])]
}

/** Most statements take less than a millisecond. */
function shortMs(durationMs: number): string {
  return durationMs < 100 ? `${durationMs.toFixed(2)} ms` : formatDuration(durationMs)
}

function perSecond(rate: number): string {
  return rate >= 100 ? Math.round(rate).toLocaleString('en-US') : rate.toFixed(1)
}
