// What `tables` of a configuration may say of one table, as types for the editor.

import type { ArchiveHook, Consent, Grain } from '../partitions/index.ts'
import type { Strength, TierConsent } from '../tiers/index.ts'
import type { Duration } from './values.ts'

export interface HashConfig {
  readonly hash: string
  readonly into: number
}

export interface IdConfig {
  readonly id: string
  readonly every: number | bigint
}

export interface RetainConfig {
  readonly for?: string | undefined
  readonly count?: number | undefined
  readonly grace?: string | undefined
  readonly finally?: 'drop' | 'keep' | undefined
  readonly archive?: ArchiveHook | undefined
}

export interface IndexConfig {
  readonly on: string
  readonly unique?: boolean | undefined
  readonly method?: string | undefined
  readonly where?: string | undefined
  readonly include?: readonly string[] | undefined
  readonly with?: Readonly<Record<string, string | number | boolean>> | undefined
}

export interface ExpireConfig {
  readonly where: string
  readonly every?: Duration | undefined
  readonly batch?: number | undefined
}

/** How old the end of a partition is, or how many newer ones have begun. */
export type TierAge = string | { readonly count: number }

export interface WarmConfig {
  readonly after?: TierAge | undefined
  readonly over?: string | undefined
  readonly unread?: string | undefined
  readonly strength?: Strength | undefined
  readonly segmentBy?: readonly string[] | undefined
  readonly orderBy?: readonly string[] | undefined
  readonly rows?: number | undefined
  readonly indexes?: Readonly<Record<string, string | IndexConfig>> | undefined
  readonly accept?: readonly TierConsent[] | undefined
}

export interface ColdConfig {
  readonly after: TierAge
  readonly grace?: string | undefined
  readonly to?: string | undefined
}

export interface TableConfig {
  readonly table?: string | readonly [schema: string, table: string] | undefined
  readonly time?: string | undefined
  readonly partition?: Grain | HashConfig | IdConfig | readonly [Grain | IdConfig, HashConfig] | undefined
  readonly ahead?: number | undefined
  readonly from?: string | number | undefined
  readonly zone?: string | undefined
  readonly retain?: string | RetainConfig | undefined
  readonly names?: string | undefined
  readonly outside?: 'refuse' | 'default' | undefined
  readonly indexes?: Readonly<Record<string, string | IndexConfig>> | undefined
  readonly brin?: boolean | undefined
  readonly storage?: Readonly<Record<string, string | number | boolean>> | undefined
  readonly statistics?: Readonly<Record<string, number>> | undefined
  readonly accept?: readonly Consent[] | undefined
  readonly warm?: WarmConfig | undefined
  readonly cold?: ColdConfig | undefined
  readonly expire?: string | ExpireConfig | undefined
}

export type TablesConfig = Readonly<Record<string, TableConfig>>

/** As it is written, checked; what is missing is filled in by `resolveTables`. */
type ParsedTable = TableConfig
export type ParsedTables = Readonly<Record<string, ParsedTable>>
