import { adviseBackfill } from '../backfill-advice.ts'
import { child, tableOf } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

const words: Readonly<Record<string, string>> = { UpdateStmt: 'UPDATE', DeleteStmt: 'DELETE' }

export const unbatchedWrite: Rule = {
  name: 'unbatched-write',
  harm: 'scan-blocking-writes',
  summary: 'UPDATE or DELETE that touches a whole table in one statement.',
  why: 'Every row it touches stays locked to the end, replicas lag by all of it, and nothing can be vacuumed meanwhile. In batches each lock lasts milliseconds, and it can be stopped and taken up again.',
  bad: "update plays set country = 'unknown';",
  good: '-- a batched backfill: ranges of the primary key, a transaction each, with a pause in between',
  check: ({ statement: { kind, node }, table: factsOf }) => {
    const word = words[kind]
    const table = word === undefined ? undefined : tableOf(child(node, 'relation'))
    if (word === undefined || table === undefined) return []
    const where = child(node, 'whereClause')
    // With a WHERE only a table known to be big is spoken of: most such statements touch a few rows.
    const isBig = (factsOf(table)?.rows ?? 0) >= bigTableRows && !isKeyed(where)
    if (where !== undefined && !isBig) return []
    return [
      {
        message: `${word}${where === undefined ? ' without WHERE' : ''} may lock every row of ${showTable(table)} until it is done`,
        fix:
          word === 'UPDATE'
            ? adviseBackfill(table)
            : `Delete by ranges of the primary key of ${showTable(table)}, each in a transaction of its own.`,
        table,
      },
    ]
  },
}

const bigTableRows = 100_000

/** `column = constant` or `column in (constants)`: a handful of rows. */
function isKeyed(where: unknown): boolean {
  const expression = (
    where as { A_Expr?: { kind?: string; name?: { String?: { sval?: string } }[]; rexpr?: object } } | undefined
  )?.A_Expr
  if (expression?.name?.[0]?.String?.sval !== '=') return false
  return expression.kind === 'AEXPR_IN' || (expression.kind === 'AEXPR_OP' && 'A_Const' in (expression.rexpr ?? {}))
}
