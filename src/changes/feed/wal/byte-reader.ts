// Reads a message of the server byte by byte. Past its end: an error, never a wrong value.

import { StrataError } from '../../../base/errors.ts'

export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  #take(sizeBytes: number): number {
    const at = this.#at
    if (sizeBytes < 0 || at + sizeBytes > this.#bytes.length)
      throw new StrataError('FEED_PROTOCOL', { message: 'A message of the server ends before it should' })
    this.#at = at + sizeBytes
    return at
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  char(): string {
    return String.fromCharCode(this.byte())
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8))
  }

  /** Microseconds since 2000, as Postgres counts. */
  time(): Date {
    return new Date(Number(this.#bytes.readBigInt64BE(this.#take(8)) / 1000n) + postgresEpochMs)
  }

  /** Up to a NUL. */
  name(): string {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end < 0) throw new StrataError('FEED_PROTOCOL', { message: 'A name in a message of the server has no end' })
    const from = this.#take(end + 1 - this.#at)
    return this.#bytes.toString('utf8', from, end)
  }

  text(sizeBytes: number): string {
    const from = this.#take(sizeBytes)
    return this.#bytes.toString('utf8', from, from + sizeBytes)
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#take(this.#bytes.length - this.#at))
  }
}

/** 2000-01-01 UTC. */
export const postgresEpochMs = 946_684_800_000
