// Identifiers and literals as text. Names are quoted by parts, always, and never split on dots:
// "a.b" is one legal identifier.

import { StrataError } from '../base/errors.ts'

const maxIdentifierBytes = 63

export function quoteIdent(name: string): string {
  const sizeBytes = Buffer.byteLength(name)
  if (sizeBytes === 0 || sizeBytes > maxIdentifierBytes || name.includes('\0')) {
    throw new StrataError('IDENTIFIER_INVALID', {
      message: 'Not an identifier',
      expected: `1 to ${maxIdentifierBytes} bytes without a NUL byte`,
      got: sizeBytes === 0 ? 'an empty name' : `${sizeBytes} bytes beginning with ${JSON.stringify(name.slice(0, 40))}`,
    })
  }
  return `"${name.replaceAll('"', '""')}"`
}

/** ('public', 'plays') → "public"."plays" */
export function quoteQualified(...parts: readonly string[]): string {
  return parts.map(quoteIdent).join('.')
}

/** A string literal, safe under either setting of standard_conforming_strings. */
export function quoteLiteral(value: string): string {
  if (value.includes('\0')) {
    throw new StrataError('VALUE_INVALID', { message: 'A literal cannot hold a NUL byte' })
  }
  const doubled = value.replaceAll("'", "''")
  return value.includes('\\') ? `E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`
}
