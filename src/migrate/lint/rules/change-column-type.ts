import { adviseBackfill } from '../backfill-advice.ts'
import { actionsOf, toColumn, type Action } from '../alter.ts'
import { child, strings, tagged } from '../ast.ts'
import { knownChecks } from '../history.ts'
import { derivedName, showIdent, showTable } from '../names.ts'
import { changeOfType, showType, typeOfNode, typeOfText, type SqlType, type TypeChange } from '../sql-types.ts'
import type { AstNode } from '../../../sql/parse.ts'
import type { LintContext, Rule, Violation } from '../types.ts'

export const changeColumnType: Rule = {
  name: 'change-column-type',
  harm: 'rewrite',
  summary:
    'ALTER COLUMN … TYPE that rewrites the table or its indexes. Widening (varchar(50) → varchar(100) or text, numeric(8,2) → numeric(10,2), timestamp → timestamptz in UTC) is known to be harmless where live facts tell the old type.',
  why: 'Unless the old bytes can stay as they are, every row and every index is written anew under ACCESS EXCLUSIVE.',
  bad: 'alter table plays alter column id type bigint;',
  good: `alter table plays add column id_new bigint;
-- keep it by a trigger, fill the old rows in a batched backfill, then swap the names in one short transaction`,
  check: (context) =>
    actionsOf(context.statement, 'AT_AlterColumnType').flatMap((action) => judgeChange(context, action)),
}

function judgeChange(context: LintContext, { table, name = '', definition }: Action): readonly Violation[] {
  if (definition?.kind !== 'ColumnDef') return []
  const to = toColumn(definition.node).type
  const live = context.table(table)?.columns.find((column) => column.name === name)
  const from = live === undefined ? undefined : typeOfText(live.type)
  const cost = costOf(context, from, to, name, definition.node)
  const onColumn = {
    index: context.table(table)?.indexes.some(({ columns }) => columns.includes(name)) === true,
    check: knownChecks(context, table).some((check) => check.columns.includes(name)),
  }
  if (cost === 'none' && !(onColumn.check && from !== undefined && showType(from) !== showType(to))) return []
  if (cost === 'indexes' && !onColumn.index && !onColumn.check) return []
  const [shown, column] = [showTable(table), showIdent(name)]
  const change = `${column} of ${shown} from ${from === undefined ? 'its type' : showType(from)} to ${showType(to)}`
  const copy = derivedName(name, 'new')
  return [
    {
      message:
        cost === 'rewrite'
          ? `Changing ${change} writes the whole table anew`
          : `Changing ${change} leaves the rows as they are, but ${cost === 'indexes' && onColumn.index ? 'builds the indexes on it anew' : 'reads them all for a CHECK'} while nobody may use the table`,
      fix: [
        `alter table ${shown} add column ${copy} ${showType(to)};`,
        `-- keep ${copy} by a trigger; when the old rows are filled, swap the names in one short transaction`,
        adviseBackfill(table),
      ].join('\n'),
      table,
      lock: 'ACCESS EXCLUSIVE',
      ...(cost === 'rewrite' ? {} : { harm: 'scan-blocking-all' as const }),
    },
  ]
}

function costOf(
  context: LintContext,
  from: SqlType | undefined,
  to: SqlType,
  column: string,
  definition: AstNode,
): TypeChange {
  if (from === undefined || !isPlainCast(definition, column)) return 'rewrite'
  const cost = changeOfType(from, to, context.timeZone)
  return cost === 'none' && child(definition, 'collClause') !== undefined ? 'indexes' : cost
}

/** No USING, or one that says what would be done anyway: `column` or `column::new_type`. */
function isPlainCast(definition: AstNode, column: string): boolean {
  const using = tagged(definition, 'raw_default')
  if (using === undefined) return true
  const isColumn = (expression = using): boolean =>
    expression.kind === 'ColumnRef' && strings(expression.node, 'fields').join('.') === column
  if (using.kind !== 'TypeCast') return isColumn()
  const argument = tagged(using.node, 'arg')
  const cast = showType(typeOfNode(child(using.node, 'typeName')))
  return argument !== undefined && isColumn(argument) && cast === showType(typeOfNode(child(definition, 'typeName')))
}
