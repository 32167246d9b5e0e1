// What travels from the process that consumes the feed to all that serve clients: changes of declared tables, with the
// columns that are declared and no others, and that everything begins anew.

import { StrataError } from '../base/errors.ts'
import type { Change, ChangeBatch } from '../changes/feed/index.ts'
import type { Lsn } from '../db/lsn.ts'
import type { LiveRollup, LiveTable } from './options.ts'

export type Values = Readonly<Record<string, string | null>>

export interface WireChange {
  /** Within its transaction; what is not declared leaves holes. */
  readonly seq: number
  readonly schema: string
  readonly table: string
  readonly kind: Change['kind']
  readonly key?: Values | undefined
  readonly keyBefore?: Values | undefined
  /** Declared columns as they are now. */
  readonly row?: Values | undefined
}

export interface WireBatch {
  readonly type: 'batch'
  readonly epoch: string
  readonly lsn: Lsn
  readonly atMs: number
  readonly changes: readonly WireChange[]
}

/** Where everything begins anew. */
export interface Place {
  readonly epoch: string
  readonly systemId: string
  readonly timeline: number
  /** Whoever reads at it sees all that was missed. */
  readonly lsn: Lsn
}

interface WireReset extends Place {
  readonly type: 'reset'
  readonly why: string
}

export type WireMessage = WireBatch | WireReset

export interface Follower {
  readonly onMessage: (message: WireMessage) => void
  /** Messages may have been missed; what comes next is whole again. */
  readonly onLost: (why: string) => void
}

/** The way between processes. */
export interface Transport {
  /** Resolves when no process that follows can miss it without being told so. */
  publish(message: WireMessage): Promise<void>
  /** First what is kept of what was published before, then what comes, in order and without a hole. */
  follow(follower: Follower): Promise<void>
  close(): Promise<void>
}

export function encodeMessage(message: WireMessage): string {
  return JSON.stringify({ ...message, lsn: message.lsn.toString(16) })
}

/** Of our own making, so what does not read as such means that somebody else writes there. */
export function decodeMessage(text: string): WireMessage {
  const message = JSON.parse(text) as Omit<WireMessage, 'lsn'> & { readonly lsn: string }
  if (message.type !== 'batch' && message.type !== 'reset')
    throw new StrataError('INTERNAL', { message: 'Something else than live events stands where they are handed on' })
  return { ...message, lsn: BigInt(`0x${message.lsn}`) } as WireMessage
}

export function tableKey({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return JSON.stringify([schema, table])
}

/** By table: the columns that may travel. */
export function columnsToSend(declared: {
  readonly tables: readonly LiveTable[]
  readonly rollups: readonly LiveRollup[]
  readonly tops: readonly { readonly sources: readonly { readonly schema: string; readonly table: string }[] }[]
}): ReadonlyMap<string, ReadonlySet<string>> {
  const all = new Map<string, Set<string>>()
  const add = (place: { readonly schema: string; readonly table: string }, columns: readonly string[]): void => {
    const key = tableKey(place)
    all.set(key, new Set([...(all.get(key) ?? []), ...columns]))
  }
  for (const table of declared.tables) add(table, [...table.columns, ...table.filters])
  for (const rollup of declared.rollups) add(rollup, rollup.by)
  for (const source of declared.tops.flatMap(({ sources }) => sources)) add(source, [])
  return all
}

/** undefined: nothing of it concerns anybody. */
export function toWire(batch: ChangeBatch, columns: ReadonlyMap<string, ReadonlySet<string>>): WireBatch | undefined {
  const changes = batch.changes.flatMap((change, index): readonly WireChange[] => {
    const sent = columns.get(tableKey(change))
    if (sent === undefined) return []
    const { schema, table, kind, key, keyBefore, row } = change
    const kept =
      row === undefined ? undefined : Object.fromEntries(Object.entries(row).filter(([name]) => sent.has(name)))
    return [{ seq: batch.seq + index, schema, table, kind, key, keyBefore, row: kept }]
  })
  if (changes.length === 0) return undefined
  return { type: 'batch', epoch: batch.epoch, lsn: batch.lsn, atMs: batch.committedAt.getTime(), changes }
}
