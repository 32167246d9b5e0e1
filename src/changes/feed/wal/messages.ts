// What a stream of pgoutput (version 1) says, as plain records. Values are text; columns stand in the order of the relation.

import type { Lsn } from '../../../db/lsn.ts'

/** null is SQL's; 'unchanged': a large value that did not change and was not sent. */
export type WireValue = string | null | typeof unchanged
export const unchanged: unique symbol = Symbol('unchanged')

interface RelationColumn {
  readonly name: string
  /** Part of the replica identity. */
  readonly identifies: boolean
  /** Not a column of the table that is told of. */
  readonly isBeside?: boolean
}

export interface Relation {
  readonly oid: number
  readonly schema: string
  readonly table: string
  /** 'd' primary key, 'i' an index, 'f' the whole row, 'n' none. */
  readonly identity: string
  readonly columns: readonly RelationColumn[]
  /** Its rows belong to the table that it is named as: what comes here has moved, and nothing else. */
  readonly isLoose?: true
}

export interface OldTuple {
  /** 'key': only the columns that identify are given. */
  readonly part: 'key' | 'row'
  readonly values: readonly WireValue[]
}

export type PgoutputMessage =
  | { readonly type: 'begin'; readonly finalLsn: Lsn; readonly committedAt: Date; readonly xid: number }
  | { readonly type: 'commit'; readonly commitLsn: Lsn; readonly endLsn: Lsn; readonly committedAt: Date }
  | { readonly type: 'relation'; readonly relation: Relation }
  | { readonly type: 'insert'; readonly oid: number; readonly row: readonly WireValue[] }
  | {
      readonly type: 'update'
      readonly oid: number
      readonly before: OldTuple | undefined
      readonly row: readonly WireValue[]
    }
  | { readonly type: 'delete'; readonly oid: number; readonly before: OldTuple }
  | { readonly type: 'truncate'; readonly oids: readonly number[] }
  /** What `pg_logical_emit_message` said. */
  | { readonly type: 'message'; readonly isTransactional: boolean; readonly prefix: string; readonly content: string }
  /** Types, origins, and whatever a later version adds. */
  | { readonly type: 'other' }

export type StreamMessage =
  | { readonly type: 'data'; readonly message: PgoutputMessage; readonly sizeBytes: number }
  | { readonly type: 'keepalive'; readonly end: Lsn; readonly replyRequested: boolean }
