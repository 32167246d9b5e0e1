// What is recorded of each statement: its duration, in the last ten minutes and since the beginning, and by text. Texts become
// shapes off the way of statements, when they are settled: when somebody asks or stores, once a minute, and when there are many.
//
// What must be true: recording never throws, allocates nothing for a text that is known, and takes less than a microsecond;
// each statement counts once in each of them. `onSlow` is only told that there was one.
// On failure: a text that cannot be read has a shape of its own, shown by its first word.

import type { Clock } from '../../base/clock.ts'
import { loadShapes, shapeOf, type StatementShape } from '../../sql/shape.ts'
import type { Histogram } from './histogram.ts'
import { Noted } from './noted.ts'
import { CallShapes, workName, type CallShape } from './shapes.ts'
import { CallTexts } from './texts.ts'
import { Windows } from './windows.ts'

export interface SlowCall {
  readonly text: string
  readonly durationMs: number
  readonly error: Error | null
  /** What was begun around it. */
  readonly begun: unknown
}

export interface RecorderOptions {
  readonly clock: Clock
  /** From here on a statement is slow. */
  readonly slowMs: number
  readonly onSlow: (call: SlowCall) => void
}

/** Texts between two pauses, so that a settling holds up nobody for more than about 4 ms. */
const slice = 20
/** Reading what comes with ever new texts takes at most a hundredth of a core. */
const crowdedEveryMs = 10_000

export class CallRecorder {
  slowMs: number
  readonly #windows: Windows
  readonly #noted: Noted
  readonly shapes: CallShapes = new CallShapes()
  readonly #clock: Clock
  readonly #texts = new CallTexts()
  readonly #works = new Map<string, Windows>()
  readonly #onSlow: RecorderOptions['onSlow']
  #settling: Promise<void> | undefined
  #crowdedAgainAtMs = Number.NEGATIVE_INFINITY

  constructor({ clock, slowMs, onSlow }: RecorderOptions) {
    this.#clock = clock
    this.slowMs = slowMs
    this.#onSlow = onSlow
    this.#windows = new Windows(clock)
    this.#noted = new Noted((text, durationMs, endedAtMs, isFailure) => {
      this.#windows.record(durationMs, isFailure, endedAtMs)
      this.#texts.record(text, durationMs, isFailure)
      if (this.#texts.isCrowded && endedAtMs >= this.#crowdedAgainAtMs) this.#settleSoon(endedAtMs)
    })
  }

  /** Both by the monotonic clock. Five arguments, for an object would be made for every statement. */
  record(text: string, sinceMs: number, nowMs: number, error: Error | null, begun: unknown): void {
    const durationMs = nowMs - sinceMs
    this.#noted.note(text, durationMs, nowMs, error !== null)
    if (durationMs >= this.slowMs) this.#onSlow({ text, durationMs, error, begun })
  }

  /** Work that the application named; the statements in it are counted by themselves. */
  recordWork(given: string, durationMs: number, isFailure: boolean): void {
    const name = workName(given)
    this.shapes.record(this.shapes.work(name), durationMs, isFailure)
    const windows = this.#works.get(name) ?? this.#followWork(name)
    windows?.record(durationMs, isFailure, this.#clock.monotonic())
  }

  /** What comes with ever new texts would all count as others, once there is no room, where nobody asks or stores. */
  #settleSoon(nowMs: number): void {
    this.#crowdedAgainAtMs = nowMs + crowdedEveryMs
    // Where the parser cannot be loaded, who asks for shapes is told.
    void this.settle().catch(() => undefined)
  }

  #followWork(name: string): Windows | undefined {
    if (this.#works.size >= mostWorks) return undefined
    const windows = new Windows(this.#clock)
    this.#works.set(name, windows)
    return windows
  }

  /** The last ten minutes. */
  get windows(): Windows {
    this.#noted.count()
    return this.#windows
  }

  /** Since the beginning. */
  get total(): Histogram {
    return this.windows.total()
  }

  /** The last ten minutes of that work; undefined: there was none. */
  work(name: string): Windows | undefined {
    return this.#works.get(workName(name))
  }

  /** Everything recorded so far is in the shapes afterwards. */
  settle(): Promise<void> {
    this.#settling ??= this.#settle().finally(() => (this.#settling = undefined))
    return this.#settling
  }

  async #settle(): Promise<void> {
    await loadShapes()
    this.#noted.count()
    const { isCrowded } = this.#texts
    const due = this.#texts.due()
    let read = 0
    for (const entry of due) {
      if (entry.shape === undefined && ++read % slice === 0) await this.#clock.sleep(0)
      const shape = this.shapes.statement(entry.shape === undefined ? shapeOf(entry.text) : asRead(entry.shape))
      entry.shape = shape
      this.shapes.add(shape, entry.recorded)
      // With its constants it will hardly come again.
      if (isCrowded && entry.recorded.count === 1) this.#texts.forget(entry)
      entry.recorded.clear()
    }
    this.shapes.add(this.shapes.other, this.#texts.overflow)
    this.#texts.overflow.clear()
  }
}

/** Of their own windows; what has more names is in the shapes alone. */
const mostWorks = 50

function asRead({ id, text, statements, command }: CallShape): StatementShape {
  return { id, text, statements, kind: command }
}
