// Cuts a stream of CSV, as COPY writes it, into files at the ends of records. A line feed ends a record only outside of quotes, and
// quotes within a value come in pairs: whether their number so far is even says where we are.

import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'

export interface CsvPiece {
  readonly path: string
  readonly rows: number
  readonly bytes: number
  /** Of its longest record. */
  readonly longest: number
}

export interface SplitOptions {
  readonly folder: string
  readonly mostRows: number
  /** A piece ends with the record that goes beyond. */
  readonly mostBytes: number
}

const quote = 0x22
const lineFeed = 0x0a

export async function splitCsv(source: Readable, options: SplitOptions): Promise<readonly CsvPiece[]> {
  const writer = new PieceWriter(options)
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) await writer.take(chunk)
    return await writer.end()
  } catch (error) {
    writer.abandon()
    throw error
  }
}

class PieceWriter {
  readonly #options: SplitOptions
  readonly #pieces: CsvPiece[] = []
  #file: WriteStream | undefined
  #failure: Error | undefined
  #rows = 0
  #bytes = 0
  /** Where the record that is being read began, counted from the start of the piece. */
  #recordFrom = 0
  #longest = 0
  #isQuoted = false

  constructor(options: SplitOptions) {
    this.#options = options
  }

  async take(chunk: Buffer): Promise<void> {
    const { mostRows, mostBytes } = this.#options
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === quote) this.#isQuoted = !this.#isQuoted
      if (byte !== lineFeed || this.#isQuoted) continue
      const end = this.#bytes + at + 1 - from
      this.#rows++
      this.#longest = Math.max(this.#longest, end - this.#recordFrom)
      this.#recordFrom = end
      if (this.#rows < mostRows && end < mostBytes) continue
      await this.#write(chunk.subarray(from, at + 1))
      from = at + 1
      await this.#endPiece()
    }
    if (from < chunk.length) await this.#write(chunk.subarray(from))
  }

  async end(): Promise<readonly CsvPiece[]> {
    if (this.#file !== undefined) await this.#endPiece()
    return this.#pieces
  }

  abandon(): void {
    this.#file?.destroy()
  }

  async #write(bytes: Buffer): Promise<void> {
    this.#file ??= this.#open()
    this.#bytes += bytes.length
    if (!this.#file.write(bytes) && this.#failure === undefined) await once(this.#file, 'drain')
    if (this.#failure !== undefined) throw this.#failure
  }

  #open(): WriteStream {
    const file = createWriteStream(this.#pathOf(this.#pieces.length + 1))
    file.on('error', (error) => void (this.#failure ??= error))
    return file
  }

  #pathOf(number: number): string {
    return join(this.#options.folder, `${String(number).padStart(4, '0')}.csv`)
  }

  async #endPiece(): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    file.end()
    await finished(file)
    const path = this.#pathOf(this.#pieces.length + 1)
    this.#pieces.push({ path, rows: this.#rows, bytes: this.#bytes, longest: this.#longest })
    this.#file = undefined
    this.#rows = 0
    this.#bytes = 0
    this.#recordFrom = 0
    this.#longest = 0
  }
}
