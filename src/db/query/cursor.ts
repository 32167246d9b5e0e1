// The place between two pages, as an opaque text: the keys of the row it stands at, and of which order they are.
// A cursor is not signed. What is in it only ever becomes the value of a parameter, so that a forged one can at most begin
// the page elsewhere; whoever may not see a row must be kept from it by the statement.

import { createHash } from 'node:crypto'
import { StrataError } from '../../base/errors.ts'

const version = 1
/** Of the text of a cursor, as it may come in a URL. */
const maxLength = 6_000

export type KeyTexts = readonly (string | null)[]

/** `order`: what the keys are of, in any form that is the same for the same order. */
export function formatCursor(order: string, keys: KeyTexts): string {
  const text = Buffer.from(JSON.stringify([version, fingerprint(order), ...keys])).toString('base64url')
  if (text.length <= maxLength) return text
  throw new StrataError('VALUE_INVALID', {
    message: 'The keys of a page are too long for a cursor',
    expected: `at most ${maxLength} characters`,
    got: String(text.length),
    advice: 'Order by shorter columns.',
  })
}

export function parseCursor(order: string, text: string, count: number): KeyTexts {
  const parsed = typeof text === 'string' && text.length <= maxLength ? decode(text) : undefined
  if (parsed === undefined || parsed[0] !== version) throw refused('The cursor cannot be read')
  const [, of, ...keys] = parsed
  if (of !== fingerprint(order) || keys.length !== count) throw refused('The cursor is of another order')
  if (!keys.every((key): key is string | null => key === null || typeof key === 'string')) {
    throw refused('The cursor cannot be read')
  }
  return keys
}

export function refused(message: string, cause?: unknown): StrataError {
  return new StrataError('CURSOR_INVALID', { message, cause })
}

function decode(text: string): readonly unknown[] | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return Array.isArray(parsed) ? (parsed as unknown[]) : undefined
  } catch {
    return undefined
  }
}

function fingerprint(order: string): string {
  return createHash('sha256').update(order).digest('base64url').slice(0, 8)
}
