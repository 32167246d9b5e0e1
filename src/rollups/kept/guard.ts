// A function that is never called: its body names what a rollup uses of its source, so the server refuses to drop such a column
// or to change its type. The bodies of triggers are text to it: without this, the next insert would fail, and not the migration.

import { quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import type { Rollup } from '../model/options.ts'
import type { Shape } from '../model/shape.ts'
import { contributionOf } from '../model/statements.ts'
import { countValues, valuesIn } from '../model/values-statements.ts'

const nameOf = ({ name }: Pick<Rollup, 'name'>): string => `${quoteQualified('pgstrata', `${name}_source`)}()`

export function createGuard(shape: Shape): readonly string[] {
  const { schema, table, name } = shape.rollup
  const rows = { from: quoteQualified(schema, table), sign: 1 } as const
  const used = [contributionOf(shape, rows), ...valuesIn(shape).map((measure) => countValues(shape, measure, rows))]
  return [
    `create function ${nameOf(shape.rollup)}
returns void
language sql
begin atomic
${used.map((statement) => `${statement}\nlimit 0;\n`).join('')}end`,
    `revoke all on function ${nameOf(shape.rollup)} from public`,
    `comment on function ${nameOf(shape.rollup)} is ${quoteLiteral(`Keeps what rollup ${name} uses from being dropped. To drop it, declare the rollup no more and apply.`)}`,
  ]
}

export function dropGuard(rollup: Pick<Rollup, 'name'>): string {
  return `drop function if exists ${nameOf(rollup)}`
}
