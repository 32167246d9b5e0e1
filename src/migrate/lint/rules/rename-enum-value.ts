import { nameOfParts, strings, text } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const renameEnumValue: Rule = {
  name: 'rename-enum-value',
  harm: 'breaks-clients',
  summary: 'ALTER TYPE … RENAME VALUE.',
  why: 'Code that runs writes the old value, which is an error from then on, and does not know the new one it reads.',
  bad: "alter type play_state rename value 'stoped' to 'stopped';",
  good: `alter type play_state add value 'stopped' after 'stoped';
-- deploy code that knows both, update the rows in a batched backfill, and leave the old value unused`,
  check: ({ statement: { kind, node } }) => {
    const [from, to] = [text(node, 'oldVal'), text(node, 'newVal')]
    if (kind !== 'AlterEnumStmt' || from === undefined || to === undefined) return []
    const type = showTable(nameOfParts(strings(node, 'typeName')) ?? { name: '' })
    return [
      {
        message: `Code that writes '${from}' as ${type} fails as soon as it is called '${to}'`,
        fix: `alter type ${type} add value '${to.replaceAll("'", "''")}' after '${from.replaceAll("'", "''")}';\n-- deploy code that knows both, then update the rows in a batched backfill`,
      },
    ]
  },
}
