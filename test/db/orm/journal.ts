// What an application saw, step by step, so that two runs of it can be compared: results, and errors in the ORM's own way.
// Steps run one after the other. Before each of them, and wherever the application says so, the world may be disturbed.

export type Outcome = readonly [step: string, value: unknown]

export interface Journal {
  readonly outcomes: readonly Outcome[]
  /** Runs the step and writes down what came of it; an error is an outcome. */
  readonly note: (step: string, work: () => Promise<unknown>) => Promise<void>
  /** In the midst of a step: between the statements of a transaction. */
  readonly disturb: () => Promise<void>
}

export interface JournalOptions {
  readonly disturb?: () => Promise<void>
}

export function createJournal(options: JournalOptions = {}): Journal {
  const { disturb = () => Promise.resolve() } = options
  const outcomes: Outcome[] = []
  return {
    outcomes,
    disturb,
    note: async (step, work) => {
      await disturb()
      const value = await work().catch((error: unknown) => ({ error: describe(error) }))
      outcomes.push([step, plain(value)])
    },
  }
}

/** Class, code and constraint of the error and of what caused it; messages differ where they name databases and nodes. */
function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { code, constraint, severity, cause } = error as Error & Record<string, unknown>
  return {
    class: error.constructor.name,
    message: error.message,
    code,
    constraint,
    severity,
    ...(cause === undefined ? {} : { cause: describe(cause) }),
  }
}

/** As values that can be compared and printed. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))
  return text === undefined ? null : (JSON.parse(text) as unknown)
}
