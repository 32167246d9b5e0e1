// What the server knows of a statement that an application saw: its queryid, its generic plan, its history, what it waited for.
//
// What must be true: EXPLAIN without ANALYZE, in a transaction that is rolled back, of one statement that reads or changes rows;
// never with values. A shape is asked about once, one at a time; at most 500 are remembered. The server gives it a second.
// On failure: the answer says why there is none. Nothing is thrown.

import { messageOf } from '../../base/errors.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { sql } from '../../sql/sql.ts'
import { explainGeneric } from '../../db/generic-plan.ts'
import { mayRead } from './may-read.ts'
import type { CallShape } from '../calls/shapes.ts'
import { onOneClient, type Ask, type OnClient, type AnyPool } from '../../db/own-questions.ts'

export interface GenericPlan {
  /** As EXPLAIN (FORMAT JSON) says it. Undefined: see `unavailable`. */
  readonly plan: object | undefined
  readonly queryid: string | undefined
  readonly unavailable: string | undefined
}

export type ExplainedShape = Pick<CallShape, 'id' | 'command' | 'statements'>

const explained: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])
const mostRemembered = 500

export class ServerView {
  readonly #pool: AnyPool
  readonly #ask: Ask
  readonly #queryids = new Map<string, Promise<GenericPlan>>()
  readonly #failed = new WeakSet<GenericPlan>()
  #turn: Promise<unknown> = Promise.resolve()
  #major: number | undefined

  constructor(pool: AnyPool, ask: Ask) {
    this.#pool = pool
    this.#ask = ask
  }

  /** What was asked of that shape already; undefined: nothing. */
  asked(shape: ExplainedShape): Promise<Omit<GenericPlan, 'plan'>> | undefined {
    return this.#queryids.get(shape.id)
  }

  /** `text` as it was sent. The plan is not remembered. */
  identify(shape: ExplainedShape, text: string): Promise<Omit<GenericPlan, 'plan'>> {
    const known = this.#queryids.get(shape.id)
    if (known !== undefined) return known
    const asked = this.plan(shape, text).then((answer) => {
      // What failed may have failed for a reason that passes: a lock, a time limit, a lost connection.
      if (this.#failed.has(answer)) this.#queryids.delete(shape.id)
      return { ...answer, plan: undefined }
    })
    this.#queryids.set(shape.id, asked)
    const [oldest] = this.#queryids.keys()
    if (this.#queryids.size > mostRemembered && oldest !== undefined) this.#queryids.delete(oldest)
    return asked
  }

  /** As it would be without looking at values. */
  plan(shape: ExplainedShape, text: string): Promise<GenericPlan> {
    if (shape.statements !== 1 || shape.command === undefined || !explained.has(shape.command)) {
      return Promise.resolve(none('only one SELECT, INSERT, UPDATE, DELETE or MERGE has a plan'))
    }
    const answer = this.#turn.then(() => this.#explain(text))
    this.#turn = answer
    return answer
  }

  async #explain(text: string): Promise<GenericPlan> {
    try {
      return await onOneClient(this.#pool, async (on) => {
        await on.query(sql`begin; set local statement_timeout = '1s'; set local lock_timeout = '500ms'`)
        this.#major ??= await readMajor(on)
        const options = { text, major: this.#major, options: 'verbose, format json' }
        const rows = await explainGeneric((statement) => on.query(statement), options)
        await on.query(sql`rollback`)
        return readExplained(rows)
      })
    } catch (error) {
      // Its words may quote what stands in the text.
      const answer = none(`the server could not plan it (${sqlstateOf(error) ?? messageOf(error)})`)
      this.#failed.add(answer)
      return answer
    }
  }

  /** A table of schema pgstrata may be read, if it is there. */
  async canRead(table: string): Promise<boolean> {
    return await mayRead(this.#ask, table)
  }
}

async function readMajor(on: OnClient): Promise<number> {
  const [row] = await on.query(sql`select current_setting('server_version_num')::int / 10000 as major`)
  return Number(row?.['major'])
}

/** The identifier has 64 bits, more than a number of JSON can say here. */
function readExplained([row]: readonly Readonly<Record<string, unknown>>[]): GenericPlan {
  const text = row?.['QUERY PLAN']
  if (typeof text !== 'string') return none('the server gave no plan')
  const [plan] = JSON.parse(text) as [object]
  const queryid = /^\s*"Query Identifier": (-?\d+)/m.exec(text)?.[1]
  if (queryid !== undefined) return { plan, queryid, unavailable: undefined }
  const unavailable =
    'the server does not identify statements: compute_query_id is off, or auto without pg_stat_statements'
  return { plan, queryid, unavailable }
}

function none(unavailable: string): GenericPlan {
  return { plan: undefined, queryid: undefined, unavailable }
}
