// A question that is asked of a server again and again. One file each in probes/; what else has an answer worth keeping
// (a pooler, Redis, rollups, partitions) has the same shape and is handed in by the root.
//
// What a probe must keep: it only reads; what it costs is bounded by `limitMs` on the server; where it cannot be asked it says
// why, in words a person can act on, and never guesses. Its points have bounded labels: at most `most` of each metric.

import type { Queryable } from '../../db/db.ts'
import type { Metric, Point } from './metric.ts'
import type { QueryText, SessionRow, StatementRow } from './rows.ts'

/** Of one server and the role that asks; read anew after each connection. */
export interface NodeFacts {
  readonly node: string
  /** 15 to 18 */
  readonly major: number
  readonly isReplica: boolean
  readonly isSuperuser: boolean
  /** Member of pg_monitor, or a superuser: may see what others run. */
  readonly seesAll: boolean
  /** Installed in this database. */
  readonly extensions: ReadonlySet<string>
  /** Settings that probes look at, as SHOW says them: track_io_timing, compute_query_id, shared_preload_libraries … */
  readonly settings: Readonly<Record<string, string>>
  /** The server answers on this very machine: its /proc is ours. */
  readonly isLocal: boolean
}

export interface Reading {
  readonly points: readonly Point[]
  /** What a person looks at besides: a tree of blocked sessions, the longest statements. Plain data, bounded by the probe. */
  readonly detail?: unknown
  /**
   * What its counters count from: when statistics were reset and the server started. Counters of two readings are compared only where
   * it is the same.
   */
  readonly epoch?: string | undefined
  /** What goes into tables of its own, in the same minute. */
  readonly statements?: readonly StatementRow[] | undefined
  readonly sessions?: readonly SessionRow[] | undefined
  readonly texts?: readonly QueryText[] | undefined
}

export interface AskTools {
  /** A connection of the sampler to that node, under the probe's limit. */
  readonly on: Queryable
  readonly facts: NodeFacts
  readonly signal: AbortSignal
}

export interface ServerProbe {
  /** 'connections'; kebab-case. */
  readonly name: string
  /** 'How many connections are there, and what are they at?' */
  readonly question: string
  /** How often by default. */
  readonly everyMs: number
  /** statement_timeout of what it asks. */
  readonly limitMs: number
  /** Asked of every node, of the one that takes writes, or of none of them (it has its own way). */
  readonly of: 'each' | 'primary' | 'elsewhere'
  readonly metrics: readonly Metric[]
  /** Undefined: it can be asked. Otherwise 'not available because …', with what to do about it. */
  unavailable(facts: NodeFacts): string | undefined
  read(tools: AskTools): Promise<Reading>
}
