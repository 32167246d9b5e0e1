import type { AstNode, ParsedStatement } from '../../../sql/parse.ts'
import { child, list, members, text } from '../ast.ts'
import { showIdent } from '../names.ts'
import type { Rule } from '../types.ts'

export const duplicateAssignment: Rule = {
  name: 'duplicate-assignment',
  harm: 'fails',
  summary: 'A column that is assigned twice in one UPDATE, INSERT or MERGE.',
  why: 'PostgreSQL refuses the statement when it runs.',
  bad: "update plays set country = 'NL', country = 'BE' where id = 1;",
  good: "update plays set country = 'BE' where id = 1;",
  check: ({ statement }) =>
    assignmentLists(statement).flatMap((names) =>
      [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map((name) => ({
        message: `Column ${showIdent(name)} is assigned more than once`,
        fix: 'Keep the one that is meant.',
      })),
    ),
}

function assignmentLists({ kind, node }: ParsedStatement): readonly (readonly string[])[] {
  switch (kind) {
    case 'UpdateStmt':
      return [targets(node, 'targetList')]
    case 'InsertStmt':
      return [targets(node, 'cols'), targets(child(node, 'onConflictClause'), 'targetList')]
    case 'MergeStmt':
      return members(node, 'mergeWhenClauses', 'MergeWhenClause').map((clause) => targets(clause, 'targetList'))
    default:
      return []
  }
}

/** Whole columns only: `a[1] = …, a[2] = …` is allowed. */
function targets(node: AstNode | undefined, key: string): readonly string[] {
  return members(node, key, 'ResTarget').flatMap((target) =>
    list(target, 'indirection').length > 0 ? [] : (text(target, 'name') ?? []),
  )
}
