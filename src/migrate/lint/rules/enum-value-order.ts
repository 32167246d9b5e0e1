import { nameOfParts, strings, text } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const enumValueOrder: Rule = {
  name: 'enum-value-order',
  harm: 'style',
  summary: 'ALTER TYPE … ADD VALUE without BEFORE or AFTER.',
  why: 'The value goes to the end, and ORDER BY follows that order; it cannot be moved later.',
  bad: "alter type play_state add value 'paused';",
  good: "alter type play_state add value 'paused' after 'playing';",
  check: ({ statement: { kind, node } }) => {
    const value = text(node, 'newVal')
    if (
      kind !== 'AlterEnumStmt' ||
      value === undefined ||
      text(node, 'oldVal') !== undefined ||
      text(node, 'newValNeighbor') !== undefined
    )
      return []
    const type = showTable(nameOfParts(strings(node, 'typeName')) ?? { name: '' })
    return [
      {
        message: `'${value}' becomes the last value of ${type}, for good`,
        fix: `alter type ${type} add value '${value.replaceAll("'", "''")}' after '…';`,
      },
    ]
  },
}
