// Timers for many short waits of few distinct lengths: adding and removing one is a few pointer writes, and one timer of
// the clock stands for all of them.
//
// Promises: a deadline is never called before its time, and at most `resolutionMs` after it (as far as the clock itself is
// punctual). Removing calls it off for good; removing twice, or after it was called, does nothing. The timer keeps no
// process alive; it is left to run out when the last deadline is removed, and is not set again while there is none.
// A callback that throws leaves the others to the next turn of the timer, which is set before the error goes on.
// State: one list per length, in the order of adding, which is the order of falling due. Beyond 32 lengths at once, a
// deadline gets a timer of its own.

import type { Clock } from './clock.ts'
import { assert } from './errors.ts'

export interface Deadline {
  /** By `Clock.monotonic()`. */
  readonly dueMs: number
}

export interface Deadlines {
  /** `delayMs` above 0. `nowMs`: what `Clock.monotonic()` said, for a caller that has just asked. */
  add(delayMs: number, callback: () => void, nowMs?: number): Deadline
  remove(deadline: Deadline): void
}

interface Entry extends Deadline {
  readonly callback: () => void
  /** undefined: called or removed. */
  list: List | undefined
  before: Entry | undefined
  after: Entry | undefined
  /** Of one that has a timer of its own. */
  callOff: (() => void) | undefined
}

interface List {
  readonly delayMs: number
  readonly resolutionMs: number
  first: Entry | undefined
  last: Entry | undefined
}

const maxLists = 32
/** setTimeout takes no more; what is due later is looked at again then. */
const maxTimerMs = 2 ** 31 - 1

/** `resolutionMs` by default a twentieth of each delay, at least 1 and at most 50. */
export function createDeadlines(clock: Clock, resolutionMs?: number): Deadlines {
  return new LinkedDeadlines(clock, resolutionMs)
}

class LinkedDeadlines implements Deadlines {
  readonly #clock: Clock
  readonly #resolutionMs: number | undefined
  readonly #lists: List[] = []
  #recent: List | undefined
  /** When the timer fires; Infinity: none is set. */
  #wakeMs = Infinity
  #callOff: (() => void) | undefined

  constructor(clock: Clock, resolutionMs: number | undefined) {
    this.#clock = clock
    this.#resolutionMs = resolutionMs
  }

  add(delayMs: number, callback: () => void, nowMs: number = this.#clock.monotonic()): Deadline {
    const recent = this.#recent
    const list = recent !== undefined && recent.delayMs === delayMs ? recent : this.#listOf(delayMs)
    const last = list?.last
    const dueMs = nowMs + delayMs
    const entry: Entry = {
      // A caller's `nowMs` may be older than that of the one before it: the list stays in order.
      dueMs: last !== undefined && last.dueMs > dueMs ? last.dueMs : dueMs,
      callback,
      list,
      before: last,
      after: undefined,
      callOff: undefined,
    }
    if (list === undefined) {
      this.#setAlone(entry, nowMs)
      return entry
    }
    list.last = entry
    if (last === undefined) list.first = entry
    else last.after = entry
    if (this.#wakeMs > entry.dueMs + list.resolutionMs) this.#wakeFor(list, entry, nowMs)
    return entry
  }

  remove(deadline: Deadline): void {
    const entry = deadline as Entry
    entry.callOff?.()
    entry.callOff = undefined
    unlink(entry)
  }

  #listOf(delayMs: number): List | undefined {
    const known = this.#lists.find((list) => list.delayMs === delayMs)
    if (known !== undefined) return (this.#recent = known)
    // A callback that adds one due at once would keep its turn from ending.
    assert(delayMs > 0, 'A deadline must lie ahead')
    const spare = this.#lists.findIndex(({ first }) => first === undefined)
    if (this.#lists.length >= maxLists && spare < 0) return undefined
    const resolutionMs = this.#resolutionMs ?? Math.min(50, Math.max(1, delayMs / 20))
    const list: List = { delayMs, resolutionMs, first: undefined, last: undefined }
    if (this.#lists.length >= maxLists) this.#lists[spare] = list
    else this.#lists.push(list)
    return (this.#recent = list)
  }

  #setAlone(entry: Entry, nowMs: number): void {
    entry.callOff = this.#clock.after(timerMs(entry.dueMs - nowMs), () => {
      const laterMs = this.#clock.monotonic()
      if (laterMs < entry.dueMs) return this.#setAlone(entry, laterMs)
      entry.callOff = undefined
      entry.callback()
    })
  }

  /** Half the resolution late, so that neighbours share a turn and the clock may be a little late itself. */
  #wakeFor(list: List, entry: Entry, nowMs: number): void {
    this.#callOff?.()
    this.#wakeMs = entry.dueMs + list.resolutionMs / 2
    this.#callOff = this.#clock.after(timerMs(this.#wakeMs - nowMs), () => this.#turn())
  }

  #turn(): void {
    const nowMs = this.#clock.monotonic()
    this.#callOff = undefined
    // No callback shall set a timer: it is set once, below, when all that is due is done.
    this.#wakeMs = -Infinity
    try {
      for (const list of this.#lists) {
        for (let entry = list.first; entry !== undefined && entry.dueMs <= nowMs; entry = list.first) {
          unlink(entry)
          entry.callback()
        }
      }
    } finally {
      this.#setNext()
    }
  }

  #setNext(): void {
    this.#wakeMs = Infinity
    let next: List | undefined
    for (const list of this.#lists) {
      if (list.first !== undefined && wakeOf(list) < (next === undefined ? Infinity : wakeOf(next))) next = list
    }
    if (next?.first !== undefined) this.#wakeFor(next, next.first, this.#clock.monotonic())
  }
}

function wakeOf(list: List): number {
  return list.first === undefined ? Infinity : list.first.dueMs + list.resolutionMs / 2
}

function timerMs(delayMs: number): number {
  return Math.min(maxTimerMs, Math.max(0, Math.ceil(delayMs)))
}

function unlink(entry: Entry): void {
  const { list, before, after } = entry
  if (list === undefined) return
  if (before === undefined) list.first = after
  else before.after = after
  if (after === undefined) list.last = before
  else after.before = before
  entry.list = undefined
  entry.before = undefined
  entry.after = undefined
}
