// Statements that took longer than they may: put in order off their way, told of by an event each, the last ones kept.
//
// What must be true: an event tells the text without its constants, never a value. It waits for the server's name of its
// statement at most a second, and comes without it then. At most 100 wait to be told of; what there is no room for is counted.
// State: the last 100, by which getSlowQueries() answers.

import type { Clock } from '../../base/clock.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { loadShapes, shapeOf } from '../../sql/shape.ts'
import type { SlowCall } from '../calls/recorder.ts'
import type { Ask } from '../../db/own-questions.ts'
import { readHistory, readWaits, type StatementHistory, type StatementWaits } from './past.ts'
import type { GenericPlan, ServerView } from './server-view.ts'
import { isWork, type Work } from './works.ts'

export interface SlowQuery {
  /** Without constants; of named work without a slow statement in it, its name. */
  readonly query: string
  /** Milliseconds. */
  readonly duration: number
  readonly at: Date
  /** The work it was part of: what trackQuery() was given. */
  readonly name: string | undefined
  /** What statements of its kind are called in pgstrata.watch_call. */
  readonly shape: string
  readonly failed: boolean
  /** Of its failure. */
  readonly sqlstate: string | undefined
}

/** What `slowQuery` tells. */
export interface SlowQueryEvent extends SlowQuery {
  /** What the server calls it: pg_stat_statements.queryid. */
  readonly queryid: string | undefined
  /** Why there is none. */
  readonly queryidUnavailable: string | undefined
  /** How it did in the last 24 hours, as the server counted. */
  history(): Promise<StatementHistory>
  /** Its generic plan, as JSON. */
  plan(): Promise<GenericPlan>
  /** What it waited for in the last hour. */
  waits(): Promise<StatementWaits>
}

interface Waiting extends Omit<SlowCall, 'begun'> {
  readonly at: Date
  readonly work: Work | undefined
  readonly isWork: boolean
}

export interface SlowQueriesParts {
  readonly clock: Clock
  readonly ask: Ask
  readonly server: ServerView
  /** Whether anybody hears of them: otherwise the server is not asked. */
  readonly isHeard: () => boolean
  readonly tell: (event: SlowQueryEvent) => void
  /** The server's name of a shape was found out. */
  readonly identified: (shape: string, queryid: string) => void
}

const mostWaiting = 100
const mostKept = 100
const queryidWaitMs = 1_000

export class SlowQueries {
  /** All there were, and those among them that nobody was told of. */
  count = 0
  dropped = 0
  readonly #parts: SlowQueriesParts
  readonly #waiting: Waiting[] = []
  readonly #kept: SlowQuery[] = []
  #running: Promise<void> | undefined

  constructor(parts: SlowQueriesParts) {
    this.#parts = parts
  }

  note({ text, durationMs, error, begun }: SlowCall): void {
    const work = isWork(begun) ? begun : undefined
    if (work !== undefined) work.hasSlowStatement = true
    this.#add({ text, durationMs, error, work, isWork: false, at: this.#now() })
  }

  /** Work in which no statement was slow. */
  noteWork(work: Work, durationMs: number, error: Error | null): void {
    this.#add({ text: work.name, durationMs, error, work, isWork: true, at: this.#now() })
  }

  #now(): Date {
    return new Date(this.#parts.clock.now())
  }

  #add(waiting: Waiting): void {
    this.count++
    if (this.#waiting.length >= mostWaiting) {
      this.dropped++
      return
    }
    this.#waiting.push(waiting)
    this.#running ??= this.#tellAll().finally(() => (this.#running = undefined))
  }

  /** The slowest of the last 100. */
  list(count: number): readonly SlowQuery[] {
    // Those not told of yet are read as far as that is possible at once.
    const waiting = this.#waiting.map((one) => describe(one))
    return [...this.#kept, ...waiting].toSorted((a, b) => b.duration - a.duration).slice(0, Math.max(0, count))
  }

  /** When all there were have been told of. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #tellAll(): Promise<void> {
    await loadShapes()
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const described = describe(next)
      const event = this.#parts.isHeard() ? await this.#eventOf(next, described) : undefined
      this.#waiting.shift()
      this.#kept.push(described)
      if (this.#kept.length > mostKept) this.#kept.shift()
      if (event !== undefined) this.#parts.tell(event)
    }
  }

  async #eventOf(waiting: Waiting, described: SlowQuery): Promise<SlowQueryEvent> {
    const { ask, server } = this.#parts
    const { text } = waiting
    if (waiting.isWork) {
      const unavailable = 'it is work of the application, and not one statement'
      return withAnswers(described, { queryid: undefined, unavailable }, noAnswers(unavailable))
    }
    const { id, kind, statements } = shapeOf(text)
    const shape = { id, command: kind, statements }
    const named = await this.#inTime(server.identify(shape, text))
    const { queryid } = named
    if (queryid !== undefined) this.#parts.identified(id, queryid)
    const canRead = (table: string): Promise<boolean> => server.canRead(table)
    return withAnswers(described, named, {
      plan: () => server.plan(shape, text),
      history: async () =>
        queryid === undefined
          ? { from: undefined, hours: [], unavailable: named.unavailable }
          : await readHistory(ask, canRead, queryid),
      waits: async () =>
        queryid === undefined ? { waits: [], unavailable: named.unavailable } : await readWaits(ask, canRead, queryid),
    })
  }

  #inTime(answer: Promise<Omit<GenericPlan, 'plan'>>): Promise<Omit<GenericPlan, 'plan'>> {
    return new Promise((resolve) => {
      const late = { queryid: undefined, unavailable: 'the server did not answer within a second' }
      const stop = this.#parts.clock.after(queryidWaitMs, () => resolve(late))
      void answer.finally(stop).then(resolve)
    })
  }
}

type Answers = Pick<SlowQueryEvent, 'history' | 'plan' | 'waits'>

function withAnswers(
  described: SlowQuery,
  named: Pick<GenericPlan, 'queryid' | 'unavailable'>,
  answers: Answers,
): SlowQueryEvent {
  return { ...described, queryid: named.queryid, queryidUnavailable: named.unavailable, ...answers }
}

function noAnswers(unavailable: string): Answers {
  return {
    history: () => Promise.resolve({ from: undefined, hours: [], unavailable }),
    plan: () => Promise.resolve({ plan: undefined, queryid: undefined, unavailable }),
    waits: () => Promise.resolve({ waits: [], unavailable }),
  }
}

function describe({ text, durationMs, error, at, work, isWork: named }: Waiting): SlowQuery {
  const shape = named ? { id: `work:${text}`, text } : shapeOf(text)
  return {
    query: shape.text,
    duration: durationMs,
    at,
    name: work?.name,
    shape: shape.id,
    failed: error !== null,
    sqlstate: error === null ? undefined : sqlstateOf(error),
  }
}
