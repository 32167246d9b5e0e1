import { nameOfParts, strings, tagged, text } from '../ast.ts'
import { showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const renameType: Rule = {
  name: 'rename-type',
  harm: 'breaks-clients',
  summary: 'ALTER TYPE or ALTER DOMAIN … RENAME, and RENAME ATTRIBUTE.',
  why: 'Casts and parameters in code that runs name the old type, and drivers look types up by name.',
  bad: 'alter type mood rename to feeling;',
  good: '-- leave the name; or make the new type, move columns to it one by one (change-column-type), and drop the old one',
  check: ({ statement: { kind, node } }) => {
    const what = text(node, 'renameType') ?? ''
    if (kind !== 'RenameStmt' || !['OBJECT_TYPE', 'OBJECT_DOMAIN', 'OBJECT_ATTRIBUTE'].includes(what)) return []
    const object = tagged(node, 'object')
    const type = nameOfParts(strings(object?.node, 'items')) ?? { name: text(node, 'subname') ?? '' }
    return [
      {
        message: `Code that names ${showTable(type)} fails as soon as it is called ${showIdent(text(node, 'newname') ?? '')}`,
        fix: 'Leave the name; or make the new type beside it and move the columns one by one.',
      },
    ]
  },
}
