import { child, flag, nameOfParts, strings, text } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const alterDomainConstraint: Rule = {
  name: 'alter-domain-constraint',
  harm: 'scan-blocking-writes',
  summary: 'ALTER DOMAIN … ADD CONSTRAINT or SET NOT NULL.',
  why: 'Every table with a column of the domain is read while its writes are blocked, one after the other in one transaction. NOT VALID puts the scan off to VALIDATE, which does the same.',
  bad: "alter domain email add constraint email_form check (value like '%@%');",
  good: "alter table users add constraint users_email_form check (email like '%@%') not valid;\n-- in a transaction of its own:\nalter table users validate constraint users_email_form;",
  check: ({ statement: { kind, node } }) => {
    const subtype = kind === 'AlterDomainStmt' ? text(node, 'subtype') : undefined
    // C: add constraint, O: set not null, V: validate constraint.
    if (subtype === undefined || !['C', 'O', 'V'].includes(subtype)) return []
    const domain = showTable(nameOfParts(strings(node, 'typeName')) ?? { name: '' })
    const notValid = flag(child(child(node, 'def'), 'Constraint'), 'skip_validation')
    return [
      {
        message: notValid
          ? `The constraint on domain ${domain} can only be validated with a scan of every table that uses it`
          : `Every table with a column of domain ${domain} is read while its writes are blocked`,
        fix: 'Put a CHECK on each table instead: NOT VALID first, then VALIDATE.',
        lock: 'SHARE',
        ...(notValid ? { harm: 'lock-brief' as const } : {}),
      },
    ]
  },
}
