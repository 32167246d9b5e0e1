// Statements that took longer than they may: put in order off their way, told of by an event each, the last ones kept.
//
// What must be true: each is in getSlowQueries() at once, and told of by an event. An event tells the text without its constants,
// never a value. It comes a second after its statement at the latest, without the server's name of it where that is not known by then.
// Bounds: 1,000 wait to be told of; what there is no room for is counted, and told of as `slowQueriesDropped`. A text is held until its
// statement was told of, and one of more than 100,000 characters not at all.
// State: the last 100, by which getSlowQueries() answers.

import type { Clock } from '../../base/clock.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { loadShapes, longestReadText, shapeOf, type StatementShape } from '../../sql/shape.ts'
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

interface Noted extends Omit<SlowCall, 'begun' | 'text'> {
  /** Empty once nobody needs it. */
  text: string
  /** Of a text that is not held. */
  readonly shape: StatementShape | undefined
  readonly at: Date
  readonly sinceMs: number
  readonly work: Work | undefined
  readonly isWork: boolean
  /** Since it was read. */
  described: SlowQuery | undefined
}

export interface SlowQueriesParts {
  readonly clock: Clock
  readonly ask: Ask
  readonly server: ServerView
  /** Whether anybody hears of them: otherwise the server is not asked. */
  readonly isHeard: () => boolean
  readonly tell: (event: SlowQueryEvent) => void
  readonly tellDropped: (dropped: { readonly count: number; readonly total: number }) => void
  /** The server's name of a shape was found out. */
  readonly identified: (shape: string, queryid: string) => void
}

const mostWaiting = 1_000
const mostKept = 100
const queryidWaitMs = 1_000
/** Texts between two pauses, as with settling. */
const slice = 20

export class SlowQueries {
  /** All there were, and those among them that no event told of though somebody listened. */
  count = 0
  dropped = 0
  readonly #parts: SlowQueriesParts
  readonly #waiting: Noted[] = []
  readonly #kept: Noted[] = []
  #toldDropped = 0
  #canRead = false
  #canReadSinceMs = 0
  #running: Promise<void> | undefined

  constructor(parts: SlowQueriesParts) {
    this.#parts = parts
  }

  note({ text, durationMs, error, begun }: SlowCall): void {
    const work = isWork(begun) ? begun : undefined
    if (work !== undefined) work.hasSlowStatement = true
    this.#add({ text, durationMs, error, work, isWork: false })
  }

  /** Work in which no statement was slow. */
  noteWork(work: Work, durationMs: number, error: Error | null): void {
    this.#add({ text: work.name, durationMs, error, work, isWork: true })
  }

  #add(given: Pick<Noted, 'text' | 'durationMs' | 'error' | 'work' | 'isWork'>): void {
    const { clock, isHeard } = this.#parts
    const shape = given.text.length > longestReadText && !given.isWork ? shapeOf(given.text) : undefined
    const noted: Noted = {
      ...given,
      text: shape === undefined ? given.text : '',
      shape,
      at: new Date(clock.now()),
      sinceMs: clock.monotonic(),
      described: undefined,
    }
    this.count++
    this.#kept.push(noted)
    if (this.#kept.length > mostKept) this.#kept.shift()
    if (isHeard()) {
      if (this.#waiting.length >= mostWaiting) this.dropped++
      else this.#waiting.push(noted)
    }
    this.#go()
  }

  #go(): void {
    this.#running ??= this.#tellAll()
      .catch(() => {
        // There is no parser: nothing can be told.
        this.dropped += this.#waiting.length
        this.#waiting.length = 0
      })
      .finally(() => {
        this.#running = undefined
        // One that came after the last look.
        if (this.#waiting.length > 0) this.#go()
      })
  }

  /** The slowest of the last 100. */
  list(count: number): readonly SlowQuery[] {
    return this.#kept
      .map((one) => this.#describe(one))
      .toSorted((a, b) => b.duration - a.duration)
      .slice(0, Math.max(0, count))
  }

  /** When all there were have been told of. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #tellAll(): Promise<void> {
    const { clock, isHeard, tell, tellDropped } = this.#parts
    if (!this.#canRead) {
      await loadShapes()
      this.#canReadSinceMs = clock.monotonic()
      this.#canRead = true
    }
    let read = 0
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!isHeard()) continue
      if (++read % slice === 0) await clock.sleep(0)
      tell(await this.#eventOf(next, this.#describe(next)))
      next.text = ''
    }
    const count = this.dropped - this.#toldDropped
    this.#toldDropped = this.dropped
    if (count > 0) tellDropped({ count, total: this.dropped })
  }

  /** Before the parser is there a text is read as far as that is possible, and once more later. */
  #describe(noted: Noted): SlowQuery {
    const described = noted.described ?? describe(noted)
    if (this.#canRead) noted.described = described
    return described
  }

  async #eventOf(noted: Noted, described: SlowQuery): Promise<SlowQueryEvent> {
    const { ask, server } = this.#parts
    const { text, sinceMs } = noted
    if (noted.isWork) {
      const unavailable = 'it is work of the application, and not one statement'
      return withAnswers(described, { queryid: undefined, unavailable }, noAnswers(unavailable))
    }
    const { id, kind, statements } = noted.shape ?? shapeOf(text)
    const shape = { id, command: kind, statements }
    const leftMs = queryidWaitMs - (this.#parts.clock.monotonic() - Math.max(sinceMs, this.#canReadSinceMs))
    // One that is late asks nothing more of a server that takes so long: others before it did.
    const named = await this.#inTime(
      server.asked(shape) ?? (leftMs > 0 ? server.identify(shape, text) : undefined),
      leftMs,
    )
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

  async #inTime(
    answer: Promise<Omit<GenericPlan, 'plan'>> | undefined,
    leftMs: number,
  ): Promise<Omit<GenericPlan, 'plan'>> {
    const late = { queryid: undefined, unavailable: 'the server did not answer within a second' }
    if (answer === undefined) return late
    // What is known already comes first.
    if (leftMs <= 0) return await Promise.race([answer, Promise.resolve(late)])
    return await new Promise((resolve) => {
      const stop = this.#parts.clock.after(leftMs, () => resolve(late))
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

function describe({ text, shape: read, durationMs, error, at, work, isWork: named }: Noted): SlowQuery {
  const shape = named ? { id: `work:${text}`, text } : (read ?? shapeOf(text))
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
