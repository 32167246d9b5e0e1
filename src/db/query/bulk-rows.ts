// Rows as they are given, one by one, as lists of values in the order of the columns.
// Invariant: a row is taken from its source only when it is asked for, and the source is closed when nobody asks any more.
// What would be lost silently is refused: a key that is no column of the insert, a list of another length.

import { StrataError } from '../../base/errors.ts'

export type BulkRows = Iterable<object> | AsyncIterable<object>

export class RowSource {
  /** Rows read so far. */
  count = 0
  ended = false
  readonly #rows: Iterator<object> | AsyncIterator<object>
  #ahead: object | undefined
  #columns: readonly string[] | undefined
  #known = new Set<string>()

  constructor(rows: BulkRows, columns: readonly string[] | undefined) {
    this.#rows = iteratorOf(rows)
    if (columns !== undefined) this.#setColumns(columns)
  }

  /** Those given, or the keys of the first row that have a value; undefined: there is no row. */
  async columns(): Promise<readonly string[] | undefined> {
    this.#ahead ??= await this.#read()
    if (this.#ahead === undefined) return undefined
    if (this.#columns === undefined) {
      if (Array.isArray(this.#ahead)) {
        throw new StrataError('VALUE_INVALID', {
          message: 'Rows that are lists',
          expected: '`columns`, which says what stands where',
          got: 'none',
        })
      }
      const first = this.#ahead as Record<string, unknown>
      this.#setColumns(Object.keys(first).filter((key) => first[key] !== undefined))
    }
    return this.#columns
  }

  /** The next one, not asynchronously where the source is not. */
  next(): readonly unknown[] | undefined | Promise<readonly unknown[] | undefined> {
    const ahead = this.#ahead
    if (ahead !== undefined) {
      this.#ahead = undefined
      return this.#take(ahead)
    }
    const read = this.#read()
    return read instanceof Promise ? read.then((row) => this.#take(row)) : this.#take(read)
  }

  async close(): Promise<void> {
    if (this.ended) return
    this.ended = true
    try {
      await this.#rows.return?.()
    } catch {
      // What stopped the insert is what is told.
    }
  }

  #read(): object | undefined | Promise<object | undefined> {
    if (this.ended) return undefined
    const step = this.#rows.next()
    return step instanceof Promise ? step.then((result) => this.#step(result)) : this.#step(step)
  }

  #step(step: IteratorResult<object>): object | undefined {
    if (step.done !== true) return step.value
    this.ended = true
    return undefined
  }

  #take(row: object | undefined): readonly unknown[] | undefined {
    if (row === undefined) return undefined
    const columns = this.#columns as readonly string[]
    const index = this.count++
    if (Array.isArray(row)) {
      if (row.length !== columns.length) throw misfit(index, `${columns.length} values`, String(row.length))
      return row as unknown[]
    }
    if (typeof row !== 'object' || row === null) throw misfit(index, 'an object or a list', typeof row)
    const record = row as Record<string, unknown>
    for (const key in record) {
      if (record[key] !== undefined && !this.#known.has(key)) {
        throw misfit(
          index,
          `the columns of the first row (${columns.join(', ')})`,
          `${JSON.stringify(key.slice(0, 63))}, too`,
        )
      }
    }
    return columns.map((column) => record[column])
  }

  #setColumns(columns: readonly string[]): void {
    this.#columns = columns
    this.#known = new Set(columns)
  }
}

function iteratorOf(rows: BulkRows): Iterator<object> | AsyncIterator<object> {
  const source = rows as Partial<Iterable<object> & AsyncIterable<object>> | undefined | null
  const iterator = source?.[Symbol.asyncIterator]?.() ?? source?.[Symbol.iterator]?.()
  if (iterator !== undefined && typeof rows !== 'string') return iterator
  throw new StrataError('VALUE_INVALID', { message: 'rows', expected: 'an array, an iterable or an async iterable' })
}

function misfit(index: number, expected: string, got: string): StrataError {
  return new StrataError('VALUE_INVALID', { message: `Row ${index + 1}`, expected, got, details: { row: index } })
}
