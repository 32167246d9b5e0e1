import { members, nameOfParts, strings, text } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const domainWithConstraint: Rule = {
  name: 'domain-with-constraint',
  harm: 'style',
  summary: 'CREATE DOMAIN with a CHECK or NOT NULL.',
  why: 'A constraint of a domain can only be changed for all its columns at once, with a scan of every table that has one; and adding a column of such a domain rewrites the table.',
  bad: "create domain email as text check (value like '%@%');",
  good: "-- a plain column, with a constraint on the table\nalter table users add constraint users_email_form check (email like '%@%') not valid;",
  check: ({ statement: { kind, node } }) => {
    const constrained = members(node, 'constraints', 'Constraint').some((constraint) =>
      ['CONSTR_CHECK', 'CONSTR_NOTNULL'].includes(text(constraint, 'contype') ?? ''),
    )
    if (kind !== 'CreateDomainStmt' || !constrained) return []
    const domain = showTable(nameOfParts(strings(node, 'domainname')) ?? { name: '' })
    return [
      {
        message: `The constraint of domain ${domain} can only be changed with a scan of every table that uses it`,
        fix: 'Use the plain type, with a CHECK on each table.',
      },
    ]
  },
}
