// What the feed delivers, whatever it is captured by: committed changes of rows, in the order of their commits.
//
// What holds: a batch is delivered when the primary shows its changes to every new snapshot, and not before; whoever reads
// with `lsn` as a token never sees less. It is acknowledged when every listener has handled it, so after a kill it comes again,
// under the same id. Between two batches of one epoch nothing is missing; where that cannot be kept, listeners are told
// `reset`, never nothing.

import type { Lsn } from '../../db/lsn.ts'

export interface Change {
  readonly schema: string
  readonly table: string
  readonly kind: 'insert' | 'update' | 'delete' | 'truncate'
  /**
   * What tells the row, as text (dates ISO, times in UTC): its primary key, or what its table names as replica identity.
   * undefined: nothing tells it, or everything went.
   */
  readonly key: Readonly<Record<string, string | null>> | undefined
  /** Where an update changed the key: what it was. From an outbox such an update comes as a delete and an insert. */
  readonly keyBefore: Readonly<Record<string, string | null>> | undefined
  /** The row as it is now, as text, without generated columns; undefined of what went, and where a capture notes keys alone. */
  readonly row: Readonly<Record<string, string | null>> | undefined
  /** Columns that are not in `row`, for they are large and did not change. */
  readonly unchanged: readonly string[]
}

/** A committed transaction, or a part of a large one. */
export interface ChangeBatch {
  /** Which incarnation of the capture. */
  readonly epoch: string
  /**
   * A position in the WAL that the commit is not behind, the same however often it is read, and another for each transaction.
   * From the WAL: where the commit ends. From an outbox: where the WAL was when the commit was first seen.
   */
  readonly lsn: Lsn
  /** Of the first change within its transaction. */
  readonly seq: number
  /** The last part of its transaction. */
  readonly isLast: boolean
  /** By the server's clock; from an outbox, when it was noted. */
  readonly committedAt: Date
  readonly changes: readonly Change[]
}

export interface ChangeListener {
  readonly name: string
  /** Handled when it resolves. Throws: the batch comes again, and nothing behind it comes before. */
  readonly onBatch: (batch: ChangeBatch) => Promise<void>
  /** Whatever committed up to here was delivered: also where nothing happened for a while. */
  readonly onProgress?: ((position: { readonly epoch: string; readonly lsn: Lsn }) => void) | undefined
  /** What was known may be wrong: changes were missed, and a new epoch begins. */
  readonly onReset: (reset: { readonly epoch: string; readonly why: string }) => Promise<void>
}

/** `epoch:lsn:seq`, the lsn in hexadecimal; compared by number within an epoch. */
export interface ChangeCursor {
  readonly epoch: string
  readonly lsn: Lsn
  readonly seq: number
}
