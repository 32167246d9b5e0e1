// What was recorded by text, between two settlings: on the way of a statement only a look into a map.
// Bounds: 500 texts, four million characters; statements of further ones are recorded together. A text that did not come for a
// minute is let go of, when there is little room left at once.

import { Histogram } from './histogram.ts'
import type { CallShape } from './shapes.ts'

export interface TextEntry {
  readonly text: string
  readonly recorded: Histogram
  /** Known from the first settling on. */
  shape: CallShape | undefined
  idleRounds: number
}

const mostTexts = 500
const mostCharacters = 4_000_000
const crowded = 400
const idleRoundsKept = 6

export class CallTexts {
  readonly #entries = new Map<string, TextEntry>()
  /** Of texts there was no room for. */
  readonly overflow: Histogram = new Histogram()
  #characters = 0

  record(text: string, durationMs: number, isFailure: boolean): void {
    const entry = this.#entries.get(text) ?? this.#add(text)
    if (entry === undefined) this.overflow.record(durationMs, isFailure)
    else entry.recorded.record(durationMs, isFailure)
  }

  #add(text: string): TextEntry | undefined {
    if (this.#entries.size >= mostTexts || this.#characters + text.length > mostCharacters) return undefined
    const entry: TextEntry = { text, recorded: new Histogram(), shape: undefined, idleRounds: 0 }
    this.#entries.set(text, entry)
    this.#characters += text.length
    return entry
  }

  /** Those with something recorded; whoever takes it clears it. The others grow older. */
  due(): readonly TextEntry[] {
    const due: TextEntry[] = []
    const { isCrowded } = this
    for (const entry of this.#entries.values()) {
      if (entry.recorded.count > 0) {
        entry.idleRounds = 0
        due.push(entry)
      } else if (isCrowded || ++entry.idleRounds >= idleRoundsKept) {
        this.forget(entry)
      }
    }
    return due
  }

  /** Once what was recorded of it has been taken. */
  forget(entry: TextEntry): void {
    if (this.#entries.delete(entry.text)) this.#characters -= entry.text.length
  }

  /** There is little room left. */
  get isCrowded(): boolean {
    return this.#entries.size > crowded
  }

  get size(): number {
    return this.#entries.size
  }
}
