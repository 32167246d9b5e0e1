// The shape of every finding: what is wrong, by which evidence, why it matters, the SQL that mends it and the SQL that takes
// that back. One check a file, in checks/.

import type { Queryable } from '../db/db.ts'
import type { Sql } from '../sql/sql.ts'
import type { NodeFacts } from '../watch/index.ts'

export type Gravity = 'note' | 'warn' | 'critical'

export const categories = [
  'connections',
  'queries',
  'cache',
  'vacuum',
  'statistics',
  'updates',
  'bloat',
  'indexes',
  'schema',
  'wal',
  'replication',
  'storage',
  'settings',
  'security',
] as const
export type Category = (typeof categories)[number]

export interface Finding {
  /** Of the check: 'unused-index'. */
  readonly check: string
  readonly category: Category
  readonly gravity: Gravity
  /** What it is about: 'index public.plays_genre_idx'. */
  readonly subject: string
  /** One sentence: what is wrong. */
  readonly what: string
  /** The numbers it follows from, with when they were counted from. */
  readonly evidence: Readonly<Record<string, string | number | boolean | null>>
  readonly why: string
  /** Statements that mend it, in order; empty where only a person can, and `advice` says how. */
  readonly fix: readonly string[]
  /** Statements that take that back. */
  readonly undo: readonly string[]
  readonly advice: string | undefined
}

/** Another server of the configuration, for what only all of them together can tell. */
export interface OtherNode {
  readonly name: string
  readonly isReplica: boolean
  /** One statement, under a check's limit. */
  readonly ask: <Row extends object>(statement: Sql) => Promise<readonly Row[]>
}

/** What a finding begins at, in the unit that the check's `threshold` says. */
export interface Limits {
  readonly warn: number
  readonly critical: number
  /** What is smaller than that is not looked at. */
  readonly least: number
  /** Counters are not judged, or nothing follows from them, before they have counted for so long. */
  readonly leastHours?: number
}

export interface CheckTools {
  /** In a read-only transaction of its own, with search_path pg_catalog. */
  readonly on: Queryable
  readonly facts: NodeFacts
  readonly others: readonly OtherNode[]
  /** In place of the check's own. */
  readonly limits?: Limits
}

/** It could be asked, but the server did not tell. */
export interface NotKnown {
  /** 'because …' */
  readonly notKnown: string
}

export interface Check {
  /** kebab-case; its file's name. */
  readonly name: string
  readonly category: Category
  /** Asked of every node, or of the primary alone: what the catalog says is the same everywhere. */
  readonly of: 'each' | 'primary'
  /** 'Is there an index that nothing uses?' */
  readonly question: string
  readonly why: string
  /** What is a finding: 'warn from 75 %, critical from 90 % of max_connections'. */
  readonly threshold: string
  /** What its fix does, in a few words; 'advice' where only a person can mend it. */
  readonly mends: string
  readonly limits: Limits
  /** What a finding of each gravity costs the score of its category, from 0 to 1. */
  readonly penalty: Readonly<Record<Gravity, number>>
  /** A critical finding holds the whole score down (score.ts). */
  readonly caps: boolean
  /** Undefined: it can be asked; otherwise 'not available because …'. */
  readonly unavailable: (facts: NodeFacts) => string | undefined
  readonly run: (tools: CheckTools) => Promise<readonly Finding[] | NotKnown>
}
