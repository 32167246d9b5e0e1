// What was measured and not yet counted. Noting a statement writes next to where the one before was noted; counting it touches
// histograms all over the memory, which between two statements leave the processor's cache, and in one go do not.
//
// What must be true: each is counted once, in the order in which they ended. Whoever reads counts first.
// Bounds: 256 statements; a long text is not held on to, but counted at once.

export type Count = (text: string, durationMs: number, endedAtMs: number, isFailure: boolean) => void

const mostNoted = 256
const longTextCharacters = 4_096

export class Noted {
  readonly #count: Count
  readonly #texts: string[] = Array.from({ length: mostNoted }, () => '')
  readonly #durationsMs: Float64Array = new Float64Array(mostNoted)
  readonly #endsMs: Float64Array = new Float64Array(mostNoted)
  readonly #failures: Uint8Array = new Uint8Array(mostNoted)
  #size = 0

  constructor(count: Count) {
    this.#count = count
  }

  note(text: string, durationMs: number, endedAtMs: number, isFailure: boolean): void {
    const at = this.#size++
    this.#texts[at] = text
    this.#durationsMs[at] = durationMs
    this.#endsMs[at] = endedAtMs
    this.#failures[at] = isFailure ? 1 : 0
    if (this.#size === mostNoted || text.length > longTextCharacters) this.count()
  }

  count(): void {
    const size = this.#size
    this.#size = 0
    for (let at = 0; at < size; at++) {
      const text = this.#texts[at] as string
      this.#texts[at] = ''
      this.#count(text, this.#durationsMs[at] as number, this.#endsMs[at] as number, this.#failures[at] === 1)
    }
  }
}
