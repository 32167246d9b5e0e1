import type { ParsedStatement } from '../../../sql/parse.ts'
import { actionsOf, toConstraint, type Action } from '../alter.ts'
import { child, flag, isDrop, movesTable, renamesInTable, text } from '../ast.ts'
import type { LintContext, Rule, Violation } from '../types.ts'

export const preferRobustStmts: Rule = {
  name: 'prefer-robust-stmts',
  harm: 'style',
  optIn: true,
  summary: 'A statement outside BEGIN … COMMIT that cannot simply be run again. Off unless switched on.',
  why: 'For files that other tools run too: pgstrata itself never repeats a statement that was carried out.',
  bad: 'create index concurrently plays_track_idx on plays (track_id);',
  good: 'create index concurrently if not exists plays_track_idx on plays (track_id);',
  check: (context) => {
    const missing = missingWord(context.statement, context.inExplicitTransaction)
    if (missing !== undefined) return [describe(missing)]
    if (context.inExplicitTransaction) return []
    return actionsOf(context.statement).flatMap((action) => {
      const wanted = wantedByAction(action, context)
      return wanted === undefined ? [] : describe(wanted)
    })
  },
}

type Wanted = 'IF EXISTS' | 'IF NOT EXISTS' | 'BEGIN … COMMIT'

function describe(wanted: Wanted): Violation {
  return { message: `Without ${wanted} it cannot be run again after a failure further down`, fix: `Add ${wanted}.` }
}

function missingWord(statement: ParsedStatement, inExplicit: boolean): Wanted | undefined {
  const { kind, node } = statement
  if (kind === 'IndexStmt') {
    const again = flag(node, 'if_not_exists') || text(node, 'idxname') === undefined
    return again || (inExplicit && !flag(node, 'concurrent')) ? undefined : 'IF NOT EXISTS'
  }
  if (inExplicit) return undefined
  if (kind === 'CreateStmt') {
    const gone = child(node, 'relation')?.['relpersistence'] === 't' && text(node, 'oncommit') === 'ONCOMMIT_DROP'
    return gone || flag(node, 'if_not_exists') ? undefined : 'IF NOT EXISTS'
  }
  if (renamesInTable(statement) || movesTable(statement)) return 'BEGIN … COMMIT'
  return isDrop(statement, 'OBJECT_INDEX', 'OBJECT_TABLE', 'OBJECT_TYPE') && !flag(node, 'missing_ok')
    ? 'IF EXISTS'
    : undefined
}

function wantedByAction(action: Action, context: LintContext): Wanted | undefined {
  const { statements, index, statement } = context
  switch (action.kind) {
    case 'AT_AddColumn':
      return isForgiving(action, statement) ? undefined : 'IF NOT EXISTS'
    case 'AT_DropColumn':
    case 'AT_DropConstraint':
      return isForgiving(action, statement) ? undefined : 'IF EXISTS'
    case 'AT_AddConstraint': {
      const name = action.definition === undefined ? undefined : toConstraint(action.definition.node).name
      const droppedFirst = statements
        .slice(0, index + 1)
        .some((earlier) => actionsOf(earlier, 'AT_DropConstraint').some((drop) => drop.name === name))
      return name !== undefined && droppedFirst ? undefined : 'BEGIN … COMMIT'
    }
    case 'AT_ValidateConstraint': {
      const droppedFirst = statements
        .slice(0, index + 1)
        .some((earlier) => actionsOf(earlier, 'AT_DropConstraint').some((drop) => drop.name === action.name))
      return droppedFirst ? undefined : 'BEGIN … COMMIT'
    }
    default:
      return 'BEGIN … COMMIT'
  }
}

/** IF [NOT] EXISTS, which the syntax tree keeps at the command. */
function isForgiving(action: Action, statement: ParsedStatement): boolean {
  const commands = (statement.node['cmds'] ?? []) as readonly {
    readonly AlterTableCmd?: Readonly<Record<string, unknown>>
  }[]
  return commands.some(({ AlterTableCmd: command }) => {
    if (command?.['subtype'] !== action.kind || command['missing_ok'] !== true) return false
    return action.kind !== 'AT_AddColumn' ? command['name'] === action.name : true
  })
}
