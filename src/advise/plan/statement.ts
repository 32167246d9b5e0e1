// What may be explained: one SELECT, INSERT, UPDATE, DELETE or MERGE that the server's grammar takes. Refused before anything is
// sent, with the reason; no parameter value and no literal of the statement stands in an error.

import { isStrataError, StrataError } from '../../base/errors.ts'
import { plural } from '../../base/units.ts'
import { parseSql, type AstNode } from '../../sql/parse.ts'
import { countParameters } from '../../sql/query/index.ts'

export interface CheckedStatement {
  /** Without comments before it and without its semicolon. */
  readonly text: string
  readonly kind: string
  readonly node: AstNode
  readonly parameterCount: number
  /** undefined: planned for any values. */
  readonly params: readonly unknown[] | undefined
}

const maxCharacters = 1_000_000

const explainable: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])

const adviceOf: Readonly<Record<string, string>> = {
  ExplainStmt: 'Give the statement itself, without EXPLAIN.',
  PrepareStmt: 'Give the statement itself, without PREPARE.',
  ExecuteStmt: 'Give the statement that was prepared.',
  DeclareCursorStmt: 'Give the query of the cursor.',
  CreateTableAsStmt: 'Give the query that stands behind AS.',
  ViewStmt: 'Give the query that stands behind AS.',
  CopyStmt: 'Give the query inside of COPY (…), if there is one.',
}

export async function checkStatement(text: string, params: readonly unknown[] | undefined): Promise<CheckedStatement> {
  if (typeof text !== 'string') throw refused('The statement is not a text')
  if (text.length > maxCharacters) {
    throw refused('The statement is too long to be explained', {
      expected: `at most ${maxCharacters.toLocaleString('en-US')} characters`,
      got: text.length.toLocaleString('en-US'),
    })
  }
  const statements = await parse(text)
  const [statement] = statements
  if (statement === undefined) throw refused('There is no statement', { expected: 'one statement', got: 'none' })
  if (statements.length > 1) {
    throw refused('Only one statement can be explained', { expected: 'one', got: String(statements.length) })
  }
  const { kind, node } = statement
  if (!explainable.has(kind)) {
    throw refused('This kind of statement has no plan that can be shown', {
      expected: 'SELECT, INSERT, UPDATE, DELETE or MERGE',
      got: kind.replace(/Stmt$/, ''),
      advice: adviceOf[kind],
    })
  }
  if (node['intoClause'] !== undefined) {
    throw refused('SELECT INTO makes a table', { advice: 'Leave INTO out.' })
  }
  const parameterCount = countParameters(statement)
  if (params !== undefined && params.length !== parameterCount) {
    throw new StrataError('VALUE_INVALID', {
      message: 'The number of parameters does not fit the statement',
      expected: parameterCount === 0 ? 'none' : plural(parameterCount, 'value'),
      got: String(params.length),
      advice: 'Give one value for each $n, in order; or none at all, to plan it for any values.',
    })
  }
  return { text: statement.text, kind, node, parameterCount, params: parameterCount === 0 ? [] : params }
}

/** The place in the text is told, but not what stands there: it may be a literal. */
async function parse(text: string): Promise<Awaited<ReturnType<typeof parseSql>>> {
  try {
    return await parseSql(text)
  } catch (error) {
    if (!isStrataError(error, 'SQL_SYNTAX')) throw error
    const { line, column } = error.details as { line?: number; column?: number }
    throw new StrataError('SQL_SYNTAX', {
      message: `The statement does not parse at line ${line ?? 1}, column ${column ?? 1}`,
      details: { line, column },
    })
  }
}

interface Particulars {
  readonly expected?: string
  readonly got?: string
  readonly advice?: string | undefined
}

function refused(message: string, particulars: Particulars = {}): StrataError {
  return new StrataError('EXPLAIN_REFUSED', { message, ...particulars })
}
