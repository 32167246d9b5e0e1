// `-- lint: allow <rule>[, <rule>] because <reason>`, directly before the statement it is for.

import type { ParsedStatement } from '../../sql/parse.ts'

export interface Allowance {
  readonly rules: readonly string[]
  /** Undefined: the comment is malformed, and allows nothing. */
  readonly reason: string | undefined
  readonly comment: string
}

export function allowancesOf(statement: ParsedStatement): readonly Allowance[] {
  return statement.comments.flatMap((comment) => {
    const written = /^(?:--|\/\*)\s*lint\s*:(.*?)(?:\*\/)?$/is.exec(comment.trim())?.[1]?.trim()
    if (written === undefined) return []
    const allow = /^allow\s+(.*)$/is.exec(written)?.[1] ?? ''
    const [, named = allow, reason = ''] = /^(.*?)(?:^|\s)because\b\s*(.*)$/is.exec(allow) ?? []
    const rules = named.split(/[\s,]+/).filter((rule) => rule !== '')
    return [
      { rules, reason: rules.length > 0 && reason.trim() !== '' ? reason.trim() : undefined, comment: comment.trim() },
    ]
  })
}
