// Loads under way in this process, one at a time for a key.
//
// What holds: a caller joins a flight only if what it brings cannot be older than an invalidation that was acknowledged before
// the caller asked: the caller came before the flight began, or the flight was named by no invalidation and this process
// has heard of every one since it began. Anybody else waits until it has ended, and begins or joins the next: so a caller waits
// for one flight that is not its own at most, and there are never two loads of a key at once.

export interface Flight<Result> {
  readonly marks: readonly string[]
  /** Of the trust, as it began. */
  readonly epoch: number
  /** When it began, in the order of callers. */
  readonly began: number
  isInvalidated: boolean
  readonly landing: Promise<Result>
}

export class Flights<Result> {
  readonly #byKey = new Map<string, Flight<Result>>()
  #ticket = 0

  /** The order in which callers come and flights begin. */
  takeTicket(): number {
    return ++this.#ticket
  }

  get(key: string): Flight<Result> | undefined {
    return this.#byKey.get(key)
  }

  /** Takes the place of the one that is there, which has landed or is about to. `run` is told its own flight. */
  begin(
    key: string,
    { marks, epoch }: { readonly marks: readonly string[]; readonly epoch: number },
    run: (flight: Flight<Result>) => Promise<Result>,
  ): Flight<Result> {
    const flight: Flight<Result> = {
      marks,
      epoch,
      began: this.takeTicket(),
      isInvalidated: false,
      landing: Promise.resolve()
        .then(() => run(flight))
        .finally(() => {
          if (this.#byKey.get(key) === flight) this.#byKey.delete(key)
        }),
    }
    // Whoever waits is told by its own await; a refresh has nobody.
    flight.landing.catch(() => undefined)
    this.#byKey.set(key, flight)
    return flight
  }

  /** undefined: all. */
  invalidate(marks: readonly string[] | undefined): void {
    const named = marks === undefined ? undefined : new Set(marks)
    for (const flight of this.#byKey.values()) {
      if (named === undefined || flight.marks.some((mark) => named.has(mark))) flight.isInvalidated = true
    }
  }

  get size(): number {
    return this.#byKey.size
  }
}
