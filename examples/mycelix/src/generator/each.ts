// Some work on each of many, a few at a time.

export interface EachOptions<T> {
  readonly items: Iterable<T>
  readonly atOnce: number
  readonly work: (item: T) => Promise<void>
}

/** Begins no more once one has failed; waits for those begun, and throws what the first one threw. */
export async function withEach<T>({ items, atOnce, work }: EachOptions<T>): Promise<void> {
  const left = items[Symbol.iterator]()
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    while (failures.length === 0) {
      const next = left.next()
      if (next.done === true) return
      await work(next.value).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  if (failures.length > 0) throw failures[0]
}
