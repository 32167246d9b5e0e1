// Several statements in one message group with one Sync: settings that hold for this one statement, the server's position
// before it, the statement itself, the position after it. One flight over the network, one implicit transaction, one server
// behind a pooler in transaction mode; nothing of it stays on the session.
// Promises: the callback is called exactly once. Any part that fails fails the flight; `failedBeside` tells whether it was
// one of ours. Only for statements that may stand in a transaction block and that change nothing: a position taken under
// the same Sync as a write would be older than the write's commit.
// It is a Submittable, the way pg-cursor is one.

import pg from 'pg'
import { prepareValue } from './sendable.ts'

export interface FlightStatement {
  readonly text: string
  readonly values: readonly unknown[]
  /** Prepared by this name; absent: parsed each time. */
  readonly name?: string | undefined
}

export interface MainStatement extends FlightStatement {
  readonly rowMode?: 'array' | undefined
  readonly types?: pg.CustomTypesConfig | undefined
}

interface FlightAnswer {
  readonly result: pg.QueryResult
  /** The first row of each of our own statements, as text, in order; the main one has none. */
  readonly beside: readonly (readonly (string | null)[])[]
}

export type FlightCallback = (error: Error | null, answer?: FlightAnswer, failedBeside?: boolean) => void

/** What a Submittable uses of pg's Connection. */
interface Wire {
  readonly stream: { cork?(): void; uncork?(): void }
  readonly parsedStatements: Record<string, string | undefined>
  readonly submittedNamedStatements: Record<string, string | undefined>
  parse(message: { text: string; name?: string | undefined }): void
  bind(message: { statement?: string | undefined; values: readonly unknown[] }): void
  describe(message: { type: 'P'; name: string }): void
  execute(message: { portal: string }): void
  sync(): void
  sendCopyFail(reason: string): void
}

/** pg's own row builder, with what its types leave out. */
interface ResultBuilder extends pg.QueryResult {
  _types: unknown
  addFields(fields: readonly unknown[]): void
  parseRow(fields: readonly (string | null)[]): Record<string, unknown>
  addRow(row: Record<string, unknown>): void
  addCommandComplete(message: unknown): void
}

const resultClass = (): new (rowMode: string | undefined, types: unknown) => ResultBuilder =>
  (pg as unknown as { Result: new (rowMode: string | undefined, types: unknown) => ResultBuilder }).Result

export class Flight {
  /** pg gives it the client's type parsers. */
  readonly _result: ResultBuilder
  callback: FlightCallback | undefined
  readonly #statements: readonly FlightStatement[]
  readonly #main: number
  readonly #beside: (readonly (string | null)[])[] = []
  #current = 0
  #rowError: Error | undefined

  constructor(
    before: readonly FlightStatement[],
    main: MainStatement,
    after: readonly FlightStatement[],
    callback: FlightCallback,
  ) {
    this.#statements = [...before, main, ...after]
    this.#main = before.length
    this.#beside = this.#statements.map(() => [])
    this._result = new (resultClass())(main.rowMode, main.types)
    this.callback = callback
  }

  /** pg asks for these when a statement was parsed: the one whose answers are coming in. */
  get name(): string | undefined {
    return this.#statements[this.#current]?.name
  }

  get text(): string | undefined {
    return this.#statements[this.#current]?.text
  }

  submit(connection: unknown): Error | null {
    const wire = connection as Wire
    // Before anything is written: a value that cannot be sent must not leave half a group behind.
    let values: unknown[][]
    try {
      values = this.#statements.map((statement) => prepareValues(statement))
      for (const { name, text } of this.#statements) refuseOtherText(wire, name, text)
    } catch (error) {
      return error as Error
    }
    wire.stream.cork?.()
    try {
      this.#statements.forEach((statement, index) => write(wire, statement, values[index] ?? []))
      wire.sync()
    } finally {
      wire.stream.uncork?.()
    }
    return null
  }

  handleRowDescription(message: { fields: readonly unknown[] }): void {
    if (this.#current === this.#main) this._result.addFields(message.fields)
  }

  handleDataRow(message: { fields: readonly (string | null)[] }): void {
    if (this.#current !== this.#main) {
      this.#beside[this.#current] = message.fields
      return
    }
    if (this.#rowError !== undefined) return
    try {
      this._result.addRow(this._result.parseRow(message.fields))
    } catch (error) {
      this.#rowError = error as Error
    }
  }

  handleCommandComplete(message: unknown): void {
    if (this.#current === this.#main) this._result.addCommandComplete(message)
    this.#current++
  }

  handleEmptyQuery(): void {
    this.#current++
  }

  handleError(error: Error, connection?: unknown): void {
    // What comes after the failed statement was skipped by the server, and so is not prepared.
    const submitted = (connection as Wire | undefined)?.submittedNamedStatements
    if (submitted !== undefined) {
      for (const { name } of this.#statements.slice(this.#current)) if (name !== undefined) delete submitted[name]
    }
    this.#finish(error, this.#current !== this.#main)
  }

  handleReadyForQuery(): void {
    if (this.#rowError !== undefined) return this.#finish(this.#rowError, false)
    const callback = this.callback
    this.callback = undefined
    try {
      callback?.(null, { result: this._result, beside: this.#beside.filter((_, index) => index !== this.#main) })
    } catch (error) {
      // Not into pg's parser, which would lose the messages that follow.
      queueMicrotask(() => {
        throw error
      })
    }
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: unknown): void {
    ;(connection as Wire).sendCopyFail('No source stream defined')
  }

  handleCopyData(): void {}

  #finish(error: Error, failedBeside: boolean): void {
    const callback = this.callback
    this.callback = undefined
    callback?.(error, undefined, failedBeside)
  }
}

function prepareValues({ text, name, values }: FlightStatement): unknown[] {
  // In the words of pg.
  if (typeof text !== 'string' || (text === '' && name !== undefined)) throw new Error('A query must have a text')
  if (!Array.isArray(values)) throw new Error('Query values must be an array')
  return values.map(prepareValue)
}

function write(wire: Wire, { text, name }: FlightStatement, values: readonly unknown[]): void {
  const known =
    name !== undefined &&
    (wire.parsedStatements[name] !== undefined || wire.submittedNamedStatements[name] !== undefined)
  if (!known) {
    wire.parse({ text, name })
    if (name !== undefined) wire.submittedNamedStatements[name] = text
  }
  wire.bind({ statement: name, values })
  wire.describe({ type: 'P', name: '' })
  wire.execute({ portal: '' })
}

function refuseOtherText(wire: Wire, name: string | undefined, text: string): void {
  if (name === undefined) return
  const previous = wire.parsedStatements[name] ?? wire.submittedNamedStatements[name]
  if (previous !== undefined && previous !== text) {
    throw new Error(`Prepared statements must be unique - '${name}' was used for a different statement`)
  }
}
