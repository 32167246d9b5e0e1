// The typed reader of a rollup: `reader.where({ song_id: 7 }).since('30 days').by('day').rows()`.
//
// Promises: exact at any instant, in one statement and so in one snapshot; nothing a caller says reaches the server but as a
// checked name or a parameter. Immutable: a reader can be kept and asked further by many at once. Holds no connection; how
// the rollup is kept is looked up when the statement is needed, and on failure nothing has happened.

import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import type { Sql } from '../../sql/sql.ts'
import type { Rollup } from '../options.ts'
import type { Shape } from '../shape.ts'
import {
  everything,
  parseBy,
  parseConditions,
  parseEnd,
  parseJoins,
  parseMeasures,
  parseOrder,
  parseRows,
  type Asked,
} from './asked.ts'
import { compileRead } from './compile.ts'
import type { DeclaredRollup, Reader, ReaderOf } from './types.ts'

export interface ReaderTools {
  /** As declared: what is asked is checked against it at once. */
  readonly rollup: Rollup
  /** How it is kept: known already, or found when it is needed. */
  readonly shape: Shape | (() => Promise<Shape>)
  /** Without: a reader that compiles only. */
  readonly query?: Queryable['query'] | undefined
}

/** `Declared`: the type of the declaration, from which those of keys, measures and rows follow. */
export function createReader<Declared extends DeclaredRollup>(tools: ReaderTools): ReaderOf<Declared> {
  return readerFor(tools, everything)
}

type AnyReader = Reader<DeclaredRollup, string, string, string>

function readerFor(tools: ReaderTools, asked: Asked): AnyReader {
  const { rollup } = tools
  const further = (more: Partial<Asked>): never => readerFor(tools, { ...asked, ...more }) as never
  const compile = async (): Promise<Sql> => {
    const { shape } = tools
    return compileRead(typeof shape === 'function' ? await shape() : shape, asked)
  }
  return Object.freeze({
    where: (keys: unknown) => further({ where: [...asked.where, ...parseConditions(rollup, keys)] }),
    since: (from: unknown) => further({ from: parseEnd(rollup, 'since()', from), to: undefined }),
    between: (from: unknown, to: unknown) =>
      further({ from: parseEnd(rollup, 'between()', from), to: parseEnd(rollup, 'between()', to) }),
    by: (...names: readonly unknown[]) => further({ by: parseBy(rollup, names) }),
    measures: (...names: readonly unknown[]) => further({ measures: parseMeasures(rollup, names) }),
    join: (joins: unknown) => further({ joins: [...asked.joins, ...parseJoins(rollup, joins)] }),
    orderBy: (name: unknown, direction: unknown = 'asc') =>
      further({ order: [...asked.order, parseOrder(rollup, name, direction)] }),
    limit: (rows: unknown) => further({ limit: parseRows(rollup, 'limit()', rows) }),
    offset: (rows: unknown) => further({ offset: parseRows(rollup, 'offset()', rows) }),
    compile,
    rows: async () => {
      const { query } = tools
      if (query === undefined) {
        throw new StrataError('VALUE_INVALID', {
          message: `Rollup "${rollup.name}" is read by a reader without a database`,
          expected: '`query` among its tools',
          advice: 'Send what compile() gives.',
        })
      }
      return (await query(await compile())).rows as never
    },
  }) as AnyReader
}
