// The typed reader of a rollup: `reader.where({ song_id: 7 }).since('30 days').by('day').rows()`.
//
// Promises: exact at any instant, in one statement and so in one snapshot; nothing a caller says reaches the server but as a
// checked name or a parameter. Immutable: a reader can be kept and asked further by many at once. Holds no connection; how
// the rollup is kept is looked up when the statement is needed, and on failure nothing has happened.

import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import type { Sql } from '../../sql/sql.ts'
import type { Rollup } from '../model/options.ts'
import type { Shape } from '../model/shape.ts'
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
import { createTotalsReader } from './totals.ts'
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
  const { rollup, shape } = tools
  const shapeNow = async (): Promise<Shape> => (typeof shape === 'function' ? await shape() : shape)
  const read = async (statement: Sql): Promise<readonly unknown[]> => {
    if (tools.query === undefined) {
      throw new StrataError('VALUE_INVALID', {
        message: `Rollup "${rollup.name}" is read by a reader without a database`,
        expected: '`query` among its tools',
        advice: 'Send what compile() gives.',
      })
    }
    return (await tools.query(statement)).rows
  }
  const work = { rollup, shape: shapeNow, read }
  return Object.freeze({
    ...readerFor(work, everything),
    totals: () => createTotalsReader(work),
  }) as unknown as ReaderOf<Declared>
}

interface Work {
  readonly rollup: Rollup
  readonly shape: () => Promise<Shape>
  readonly read: (statement: Sql) => Promise<readonly unknown[]>
}

type AnyReader = Reader<DeclaredRollup, string, string, string>

function readerFor(work: Work, asked: Asked): AnyReader {
  const { rollup } = work
  const further = (more: Partial<Asked>): never => readerFor(work, { ...asked, ...more }) as never
  const compile = async (): Promise<Sql> => compileRead(await work.shape(), asked)
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
    rows: async () => (await work.read(await compile())) as never,
  }) as AnyReader
}
