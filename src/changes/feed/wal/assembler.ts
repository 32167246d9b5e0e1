// Messages to pieces: a whole transaction, or parts of one that is too large to be held. Pure but for its memory of the
// transaction that is being received.
//
// What holds: a piece carries where its commit ends. The stream says that only at the end of the transaction (its beginning
// names where the commit record begins), and the id of a change must not depend on how often it was read. So a transaction
// over `holdBytes` is read twice: the first time its changes are let go and its end is learned ('measured'), the second
// time it comes in parts of at most `partChanges` and `partBytes`. Held at any time: `holdBytes`, or one part.

import { assert } from '../../../base/errors.ts'
import type { Lsn } from '../../../db/lsn.ts'
import type { Change } from '../change.ts'
import type { FeedTable } from './captured-tables.ts'
import { asSource, type LooseTable } from './loose.ts'
import type { PgoutputMessage, Relation } from './messages.ts'
import { changeOf, truncationOf, type PrimaryKeyOf, type RowMessage } from './row-change.ts'
import { truncatedRoot, type TableOf } from './truncations.ts'

export interface Piece {
  readonly xid: number
  readonly lsn: Lsn
  readonly committedAt: Date
  readonly seq: number
  readonly isLast: boolean
  /** None: a transaction that changed nothing of ours. */
  readonly changes: readonly Change[]
  readonly sizeBytes: number
}

export type Assembled = { readonly type: 'piece'; readonly piece: Piece } | { readonly type: 'measured' }

export interface AssemblerLimits {
  readonly holdBytes: number
  readonly partChanges: number
  readonly partBytes: number
}

export interface AssemblerOptions {
  readonly limits: AssemblerLimits
  readonly primaryKeyOf: PrimaryKeyOf
  readonly tableOf: TableOf
  /** By oid. */
  readonly looseOf?: ((oid: number) => LooseTable | undefined) | undefined
  /** Where the commits of large transactions end, by where their records begin; it outlives the connection. */
  readonly ends: Map<Lsn, Lsn>
  readonly emit: (assembled: Assembled) => void
}

interface Receiving {
  readonly xid: number
  readonly finalLsn: Lsn
  readonly committedAt: Date
  readonly end: Lsn | undefined
  changes: Change[]
  sizeBytes: number
  seq: number
  /** What the last change truncated: each partition of it says so again. */
  truncated: string | undefined
  /** Too large: its changes are let go. */
  isMeasured: boolean
}

/** What a change costs beside its text. */
const changeBytes = 256

export class Assembler {
  readonly #options: AssemblerOptions
  readonly #relations = new Map<number, Relation>()
  #receiving: Receiving | undefined

  constructor(options: AssemblerOptions) {
    this.#options = options
  }

  get isIdle(): boolean {
    return this.#receiving === undefined
  }

  /** Rows need not even be read until the commit. */
  get isLettingGo(): boolean {
    return this.#receiving?.isMeasured === true
  }

  get heldBytes(): number {
    return this.#receiving?.sizeBytes ?? 0
  }

  push(message: PgoutputMessage, sizeBytes: number): void {
    switch (message.type) {
      case 'begin':
        assert(this.#receiving === undefined, 'A transaction began within another')
        this.#receiving = {
          xid: message.xid,
          finalLsn: message.finalLsn,
          committedAt: message.committedAt,
          end: this.#options.ends.get(message.finalLsn),
          changes: [],
          sizeBytes: 0,
          seq: 0,
          truncated: undefined,
          isMeasured: false,
        }
        return
      case 'relation': {
        const { relation } = message
        const loose = this.#options.looseOf?.(relation.oid)
        this.#relations.set(relation.oid, loose === undefined ? relation : asSource(relation, loose))
        return
      }
      case 'insert':
      case 'update':
      case 'delete':
        this.#row(message, sizeBytes)
        return
      case 'truncate':
        for (const oid of message.oids) {
          const relation = this.#relation(oid)
          if (relation.isLoose !== true) this.#truncate(relation)
        }
        return
      case 'message': {
        const table = truncatedRoot(message, this.#options.tableOf)
        if (table !== undefined) this.#truncate(table)
        return
      }
      case 'commit':
        this.#commit(message.endLsn)
        return
      case 'other':
        return
    }
  }

  #row(message: RowMessage, sizeBytes: number): void {
    if (!this.#mayKeep()) return
    const relation = this.#relation(message.oid)
    if (relation.isLoose === true && message.type === 'insert') return
    this.#keep(changeOf(message, relation, this.#options.primaryKeyOf), sizeBytes * 2 + changeBytes)
  }

  #relation(oid: number): Relation {
    const relation = this.#relations.get(oid)
    assert(relation !== undefined, 'A change came before its relation')
    return relation
  }

  #mayKeep(): boolean {
    assert(this.#receiving !== undefined, 'A change came outside of a transaction')
    return !this.#receiving.isMeasured
  }

  #truncate(table: FeedTable): void {
    if (!this.#mayKeep()) return
    const truncated = JSON.stringify([table.schema, table.table])
    if (this.#receiving?.truncated === truncated) return
    this.#keep(truncationOf(table), changeBytes)
    if (this.#receiving !== undefined) this.#receiving.truncated = truncated
  }

  #keep(change: Change, sizeBytes: number): void {
    const receiving = this.#receiving
    assert(receiving !== undefined, 'A change came outside of a transaction')
    const { limits } = this.#options
    if (receiving.end !== undefined && this.#isFull(receiving.changes.length, receiving.sizeBytes + sizeBytes))
      this.#flush(receiving, receiving.end, false)
    receiving.changes.push(change)
    receiving.truncated = undefined
    receiving.sizeBytes += sizeBytes
    if (receiving.end !== undefined || receiving.sizeBytes <= limits.holdBytes) return
    receiving.isMeasured = true
    receiving.changes = []
    receiving.sizeBytes = 0
  }

  #isFull(count: number, sizeBytes: number): boolean {
    const { partChanges, partBytes } = this.#options.limits
    return count >= partChanges || (count > 0 && sizeBytes > partBytes)
  }

  #commit(endLsn: Lsn): void {
    const receiving = this.#receiving
    assert(receiving !== undefined, 'A commit came without its transaction')
    this.#receiving = undefined
    if (receiving.isMeasured) {
      this.#options.ends.set(receiving.finalLsn, endLsn)
      return this.#options.emit({ type: 'measured' })
    }
    this.#options.ends.delete(receiving.finalLsn)
    const { changes } = receiving
    const averageBytes = receiving.sizeBytes / Math.max(1, changes.length)
    const { partChanges, partBytes } = this.#options.limits
    const partSize = Math.max(1, Math.min(partChanges, Math.floor(partBytes / Math.max(1, averageBytes))))
    while (changes.length > partSize) {
      const part = { ...receiving, changes: changes.splice(0, partSize), sizeBytes: averageBytes * partSize }
      this.#flush(part, endLsn, false)
      receiving.seq = part.seq
    }
    receiving.sizeBytes = averageBytes * changes.length
    this.#flush(receiving, endLsn, true)
  }

  #flush(receiving: Receiving, lsn: Lsn, isLast: boolean): void {
    const { xid, committedAt, seq, changes, sizeBytes } = receiving
    this.#options.emit({ type: 'piece', piece: { xid, lsn, committedAt, seq, isLast, changes, sizeBytes } })
    receiving.seq += changes.length
    receiving.changes = []
    receiving.sizeBytes = 0
  }
}
