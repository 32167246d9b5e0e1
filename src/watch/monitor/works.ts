// Work that the application names with trackQuery(): which of it surrounds a statement.
// Costs nothing while none runs.

import { AsyncLocalStorage } from 'node:async_hooks'

export class Work {
  readonly name: string
  /** One of its statements was slow, and is told of with this name: the work itself is not told of again. */
  hasSlowStatement = false

  constructor(name: string) {
    this.name = name
  }
}

export function isWork(value: unknown): value is Work {
  return value instanceof Work
}

export class Works {
  readonly #surrounding = new AsyncLocalStorage<Work>()
  running = 0

  async run<T>(work: Work, run: () => Promise<T> | T): Promise<T> {
    this.running++
    try {
      return await this.#surrounding.run(work, run)
    } finally {
      this.running--
    }
  }

  current(): Work | undefined {
    return this.running === 0 ? undefined : this.#surrounding.getStore()
  }
}
