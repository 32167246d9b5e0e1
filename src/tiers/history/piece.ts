// A view or a function that we keep for a table. Its comment ends in a digest of the statements that make it, so that another apply
// knows whether it is as this package has it, and whose it is.

import { createHash } from 'node:crypto'
import { quoteLiteral } from '../../sql/quote.ts'

export interface Piece {
  readonly kind: 'view' | 'function'
  /** As SQL writes it; a function with the types of its arguments. */
  readonly place: string
  readonly comment: string
  /** Of a view, by name. */
  readonly columns: readonly string[]
  /** What makes it, or makes it anew where it is, with its comment. */
  readonly statements: readonly string[]
}

interface PieceDraft {
  readonly kind: Piece['kind']
  readonly place: string
  readonly purpose: string
  readonly columns?: readonly string[]
  readonly create: readonly string[]
}

export function pieceOf({ kind, place, purpose, columns = [], create }: PieceDraft): Piece {
  const digest = createHash('sha256').update(JSON.stringify(create)).digest('hex').slice(0, 12)
  const comment = `${purpose} (pgstrata ${digest})`
  const statements = [...create, `comment on ${kind} ${place} is ${quoteLiteral(comment)}`]
  return { kind, place, comment, columns, statements }
}

const oursAtEnd = /[(]pgstrata [0-9a-f]{12}[)]$/

export function isOurs(comment: string | null): boolean {
  return oursAtEnd.test(comment ?? '')
}

/** A function that does its work with the rights of the table's owner, whoever calls it. */
export function definerFunction({
  place,
  signature,
  returns,
  declare,
  body,
}: {
  readonly place: string
  /** With the names of its arguments. */
  readonly signature?: string
  readonly returns: string
  readonly declare?: readonly string[]
  readonly body: string
}): readonly string[] {
  const variables = (declare ?? []).map((line) => `  ${line};\n`).join('')
  const text = `#variable_conflict use_column\n${variables === '' ? '' : `declare\n${variables}`}begin\n${body}\nend`
  return [
    `create or replace function ${signature ?? place}
returns ${returns}
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set extra_float_digits = 1
as ${quoteLiteral(text)}`,
    `revoke all on function ${place} from public`,
  ]
}
