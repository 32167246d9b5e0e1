// What a function gave back or threw, as the history can keep it. A job of a user's may give anything: a row that cannot be
// written would make its run count as lost, and be done again.

import { messageOf, StrataError } from '../base/errors.ts'
import { formatSize } from '../base/units.ts'

export interface Kept {
  readonly did: string
  readonly warnings: readonly string[]
  /** As JSON. */
  readonly details: string | null
}

const longestText = 2_000
const mostWarnings = 100
const largestDetailsBytes = 256 * 1_024

/** Never throws. */
export function keepOutcome(outcome: unknown): Kept {
  if (outcome === null || typeof outcome !== 'object')
    return { did: outcome == null ? '' : keepText(outcome), warnings: [], details: null }
  const { did, warnings, details } = outcome as Readonly<Record<string, unknown>>
  const said = (Array.isArray(warnings) ? warnings : warnings === undefined ? [] : [warnings]).slice(0, mostWarnings)
  const told = said.map(keepText)
  return { did: did == null ? '' : keepText(did), ...keepDetails(details, told) }
}

function keepDetails(details: unknown, warnings: readonly string[]): Omit<Kept, 'did'> {
  if (details == null) return { warnings, details: warnings.length === 0 ? null : JSON.stringify({ warnings }) }
  const isRecord = typeof details === 'object' && !Array.isArray(details)
  const all = { ...(isRecord ? details : { value: details }), ...(warnings.length === 0 ? {} : { warnings }) }
  try {
    const text = toJson(all)
    if (text.length <= largestDetailsBytes) return { warnings, details: text }
    return leaveOut(`over ${formatSize(largestDetailsBytes)}`, warnings)
  } catch (error) {
    return leaveOut(describeThrown(error), warnings)
  }
}

function leaveOut(reason: string, warnings: readonly string[]): Omit<Kept, 'did'> {
  const all = [...warnings, keepText(`its details could not be kept: ${reason}`)]
  return { warnings: all, details: JSON.stringify({ warnings: all }) }
}

/** JSON as jsonb takes it: the server keeps neither NUL nor half of a surrogate pair. */
function toJson(value: unknown): string {
  const text = JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? String(each) : each))
  // An escaped backslash is passed over as a whole, so that what follows it is not taken for an escape.
  return text.replaceAll(
    /(\\\\)|\\u(?:0000|d[89a-f][0-9a-f]{2})/g,
    (_all, pair: string | undefined) => pair ?? '\ufffd',
  )
}

export function describeFailure(error: unknown): string {
  const code = error instanceof StrataError ? `${error.code}: ` : ''
  return keepText(`${code}${describeThrown(error)}`)
}

function describeThrown(error: unknown): string {
  try {
    // Whoever made the error may have given it anything for a message.
    const message: unknown = messageOf(error)
    return String(message)
  } catch {
    return 'what it threw cannot be told'
  }
}

/** Text as a column takes it, and no longer than a person reads. */
function keepText(value: unknown): string {
  let text: string
  try {
    text = String(value)
  } catch {
    text = 'what cannot be told'
  }
  return text.slice(0, longestText).replaceAll('\0', '\ufffd')
}
