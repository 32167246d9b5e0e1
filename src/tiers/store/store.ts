// Where files of archives are kept: a folder or a bucket. Keys are relative to it, with slashes.
//
// What must be true: `put` has returned only when the store says that it has an object of that size, but a store can lie, so nobody
// relies on that before it was read back. What a failure says names the key and the reason, never a secret.

import { StrataError } from '../../base/errors.ts'

export interface StoredFile {
  readonly key: string
  readonly bytes: number
}

export interface FileFacts {
  readonly bytes: number
  readonly sha256: string
}

export interface Store {
  /** Without secrets: what is noted in the catalog. */
  readonly url: string
  /** The file at `path` as `key`; what was there is replaced. */
  put(key: string, path: string, facts: FileFacts, signal?: AbortSignal): Promise<void>
  /** Streamed into a file at `path`, hashed on the way. */
  get(key: string, path: string, signal?: AbortSignal): Promise<FileFacts>
  head(key: string): Promise<{ readonly bytes: number } | undefined>
  list(prefix: string): AsyncIterable<StoredFile>
  /** What is not there is gone already. */
  remove(key: string): Promise<void>
  close(): void
}

export type StoreErrorCode =
  | 'ARCHIVE_UNREACHABLE'
  | 'ARCHIVE_DENIED'
  | 'ARCHIVE_FULL'
  | 'ARCHIVE_LOST'
  | 'ARCHIVE_CORRUPT'

export interface StoreFailure {
  readonly url: string
  readonly key: string
  readonly reason: string
  readonly cause?: unknown
}

export function storeError(code: StoreErrorCode, { url, key, reason, cause }: StoreFailure): StrataError {
  return new StrataError(code, { message: `${key} in ${url}: ${reason}`, details: { store: url, key }, cause })
}

/** Whoever asked wants it no more. */
export function isAbort(error: unknown): boolean {
  return (error as { readonly name?: string } | null)?.name === 'AbortError'
}

export function interruptedBy(error: unknown): StrataError {
  return new StrataError('INTERRUPTED', { message: 'Interrupted', cause: error })
}

/** A store that has less, or more, than it was given. */
export function checkSize(
  found: { readonly bytes: number } | undefined,
  { url, key, bytes }: { readonly url: string; readonly key: string; readonly bytes: number },
): void {
  if (found === undefined) throw storeError('ARCHIVE_LOST', { url, key, reason: 'the store does not have it' })
  if (found.bytes === bytes) return
  throw storeError('ARCHIVE_CORRUPT', { url, key, reason: `expected ${bytes} bytes, got ${found.bytes}` })
}

/** A key stays within its store whatever its table is called. */
export function checkKey(url: string, key: string): void {
  const parts = key.split('/')
  const isSafe = parts.every((part) => part !== '' && part !== '.' && part !== '..') && !/[\0\\]/.test(key)
  if (isSafe) return
  throw new StrataError('VALUE_INVALID', {
    message: `Not a key of ${url}`,
    expected: 'names divided by single slashes',
    got: JSON.stringify(key.slice(0, 80)),
  })
}
