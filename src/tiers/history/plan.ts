// What is to be done so that a table has the readers of its history, as they are declared and as the table is now. Pure.
//
// What holds: readers get more columns in place. Where columns have gone, or have another name or type, they are made anew, and the
// views of others that read them with them, in one transaction. What somebody else made under one of their names stays.

import { isDeepStrictEqual } from 'node:util'
import type { CarriedReaders, Held, StepDraft } from '../../plan/index.ts'
import { quoteIdent } from '../../sql/quote.ts'
import type { Refusal } from '../model/refusals.ts'
import { forgetTierTable, recordTierTable, type TierTable } from '../model/tables.ts'
import type { TieredTable } from '../model/options.ts'
import { betweenPiece } from './between.ts'
import { changePieces } from './change-functions.ts'
import { cutPiece, movedPiece } from './cut.ts'
import { shareReaders } from './grants.ts'
import { historyPiece } from './history-view.ts'
import {
  ambiguousAdvice,
  changeLoose,
  createLoose,
  findColumnChanges,
  isAmbiguous,
  isOnlyMore,
  looseOf,
  type ColumnChanges,
} from './loose.ts'
import { packPlaces, placesOf, type Named, type TierObjects } from './objects.ts'
import { isUnchecked, packPieces, remakeKeyTriggers } from './pack-objects.ts'
import type { Piece } from './piece.ts'
import { segmentsPiece } from './segments-view.ts'
import { requireAllHot, requireSamePacks } from './still.ts'
import type { Standing } from './standing.ts'
import { unpackedPiece } from './unpacked-view.ts'

export interface TablePlan {
  readonly steps: readonly StepDraft[]
  readonly held: readonly Held[]
}

/** Of a table that is declared, and can have readers. */
export interface TableReading {
  readonly declared: TieredTable
  readonly objects: TierObjects
  /** Undefined: it was not applied yet. */
  readonly applied: TierTable | undefined
  readonly refusals: readonly Refusal[]
  /** Of `piecesOf`, in that order. */
  readonly standing: readonly Standing[]
  readonly hasLoose: boolean
  readonly rightsDiffer: boolean
  /** Views of others that read what `dropsOf` names. */
  readonly readers: CarriedReaders
}

/** In the order in which they are made: one that another reads comes first. */
export function piecesOf(objects: TierObjects): readonly Piece[] {
  return [
    unpackedPiece(objects),
    ...changePieces(objects),
    historyPiece(objects),
    betweenPiece(objects),
    movedPiece(objects),
    cutPiece(objects),
    segmentsPiece(objects),
    ...objects.packs.flatMap((pack) => packPieces(objects, pack)),
  ]
}

/** Places of what has to go before it is made again. */
export interface Drops {
  readonly relations: readonly string[]
  readonly functions: readonly string[]
}

function changesOf({ objects, applied }: Pick<TableReading, 'objects' | 'applied'>): ColumnChanges {
  return findColumnChanges(applied?.columns ?? objects.columns, objects.columns)
}

export function dropsOf(reading: Pick<TableReading, 'objects' | 'applied' | 'standing'>): Drops {
  const { objects } = reading
  const { history, unpacked, segments, between, moved, cut } = placesOf(objects)
  const changes = changesOf(reading)
  const isThere = (place: string): boolean => isOneOfOurs(reading.standing, place)
  const pieces = piecesOf(objects)
  const isKept = (place: string): boolean => {
    const wanted = pieces.find((piece) => piece.place === place)?.columns ?? []
    const found = reading.standing.find((one) => one.place === place)?.columns ?? []
    return isOnlyMore(changes) && found.every((name, index) => name === wanted[index])
  }
  const isUnpackedKept = !isThere(unpacked) || isKept(unpacked)
  const relations = [
    ...(isUnpackedKept && isKept(history) ? [] : [history]),
    ...(isUnpackedKept ? [] : [unpacked]),
    ...(isKept(segments) ? [] : [segments]),
  ]
  // What a function returns cannot be changed.
  const isSame = changes.added.length === 0 && isOnlyMore(changes)
  return { relations: relations.filter(isThere), functions: isSame ? [] : [between, moved, cut].filter(isThere) }
}

function isOneOfOurs(standing: readonly Standing[], place: string): boolean {
  return standing.some((one) => one.place === place && (one.is === 'current' || one.is === 'stale'))
}

export function planTable(reading: TableReading): TablePlan {
  const { objects, applied, standing, readers, hasLoose } = reading
  const held = heldOf(reading)
  const foreign = standing.filter(({ is }) => is === 'foreign').map(({ place }) => place)
  if (foreign.length > 0) {
    const why = `somebody else made ${foreign.join(', ')}, by which its history would be read`
    const todo = 'rename it in a migration, or drop it, and apply'
    return { steps: [], held: [...held, { what: whatOf(objects.table), why, todo }] }
  }
  const isRestored = applied !== undefined && !applied.isNumbered
  if (isRestored && isAmbiguous(changesOf(reading))) {
    const why = 'its columns were changed since it was applied, and the database was restored in another one'
    return { steps: [], held: [...held, { what: whatOf(objects.table), why, todo: ambiguousAdvice }] }
  }
  const drops = dropsOf(reading)
  const stuck = readers.stuck
  if (stuck.length > 0) {
    const why = `its columns have changed, and ${stuck.join(', ')} read${stuck.length === 1 ? 's' : ''} its history, which has to be made anew`
    return {
      steps: [],
      held: [...held, { what: whatOf(objects.table), why, todo: 'drop them, apply, and make them again' }],
    }
  }
  const isDropped = (place: string): boolean => [...drops.relations, ...drops.functions].includes(place)
  const made = piecesOf(objects).filter(({ place }, index) => standing[index]?.is !== 'current' || isDropped(place))
  const changes = changesOf(reading)
  const isStanding = made.length === 0 && hasLoose && !objects.packs.some((pack) => isUnchecked(objects, pack))
  const isCurrent = isStanding && !hasChanges(changes) && foreignOwners(reading).length === 0
  if (!isRestored && isCurrent && isAsDeclared(reading) && !reading.rightsDiffer) return { steps: [], held }
  const statements = [
    ...(applied === undefined ? [] : requireSamePacks(objects)),
    ...readers.drop,
    ...drops.functions.map((place) => `drop function ${place}`),
    ...drops.relations.map((place) => `drop view ${place}`),
    ...(hasLoose ? changeLoose(objects, changes) : createLoose(objects)),
    ...made.flatMap(({ statements: create }) => create),
    ...remakeKeyTriggers(objects, made),
    ...giveAway(reading, made),
    ...shareReaders(objects),
    ...recordTierTable(objects.number, reading.declared, objects.columns, { isRestored }),
    ...readers.create,
  ]
  const step = { title: titleOf(reading, made), statements, undo: null, whyNoUndo }
  return { steps: [readers.changes.length === 0 ? step : { ...step, changes: readers.changes }], held }
}

const whyNoUndo = 'declare its tiers no more (or again), and apply'

function hasChanges({ added, gone, renamed, retyped }: ColumnChanges): boolean {
  return added.length + gone.length + renamed.length + retyped.length > 0
}

/** As JSON keeps it. */
function isAsDeclared({ applied, declared }: TableReading): boolean {
  const { warm = null, cold = null } = declared
  return applied !== undefined && isDeepStrictEqual(applied.declared, JSON.parse(JSON.stringify({ warm, cold })))
}

/** The owner of the table has changed. */
function foreignOwners({ standing, objects }: TableReading): readonly Standing[] {
  return standing.filter(({ owner }) => owner !== null && owner !== objects.facts.owner)
}

function giveAway(reading: TableReading, made: readonly Piece[]): readonly string[] {
  const { objects } = reading
  const { owner, isMine } = objects.facts
  const places = new Set([
    ...(isMine ? [] : made.map(({ place }) => place)),
    ...foreignOwners(reading).map(({ place }) => place),
  ])
  const pieces = piecesOf(objects).filter(({ place }) => places.has(place))
  const kept = foreignOwners(reading).length === 0 ? [] : keptOf(objects)
  return [...pieces, ...kept].map(({ kind, place }) => `alter ${kind} ${place} owner to ${quoteIdent(owner)}`)
}

/** What the readers read with their owner's rights. */
function keptOf(objects: TierObjects): readonly { readonly kind: string; readonly place: string }[] {
  const tables = [placesOf(objects).loose]
  const views: string[] = []
  for (const pack of objects.packs) {
    const { segments, words, rows, late, lateRows } = packPlaces(pack.id)
    tables.push(looseOf(objects, pack), segments, words, ...(pack.hasLateRows ? [lateRows] : []))
    views.push(rows, ...(pack.hasLateRows ? [late] : []))
  }
  return [...tables.map((place) => ({ kind: 'table', place })), ...views.map((place) => ({ kind: 'view', place }))]
}

function heldOf({ declared, refusals, objects }: TableReading): readonly Held[] {
  const { warm, cold } = declared
  const wanted = new Set([
    ...(warm === undefined ? [] : [warm.strength]),
    ...(cold === undefined ? [] : ['cold' as const]),
  ])
  return refusals
    .filter(({ tiers }) => tiers.some((tier) => wanted.has(tier)))
    .map(({ why, todo }) => ({ what: whatOf(objects.table), why, todo }))
}

export function whatOf({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `tiers of table ${schema}.${table}`
}

function titleOf({ applied, objects }: TableReading, made: readonly Piece[]): string {
  const { schema, table } = objects.table
  const { history, between, segments } = placesOf(objects)
  const shown = made.filter(({ place }) => [history, between, segments].includes(place)).map(({ place }) => place)
  const what =
    applied === undefined
      ? `make ${shown.join(', ')}`
      : shown.length > 0
        ? `make ${shown.join(', ')} anew`
        : made.length > 0
          ? 'make functions of its history anew'
          : objects.packs.some((pack) => isUnchecked(objects, pack))
            ? 'hold keys that come late against packed ones'
            : 'note what is declared, and who may read'
  return `Tiers of table ${schema}.${table}: ${what}`
}

/** What was declared, and is no more. */
export interface GoneReading {
  readonly table: TierTable
  /** Partitions that are not hot. */
  readonly away: number
  readonly named: Named
  readonly standing: readonly Standing[]
  /** Views of others that read it, in words. */
  readonly readers: CarriedReaders
}

export function planGone({ table, away, named, standing, readers }: GoneReading): TablePlan {
  const what = whatOf(table)
  if (away > 0) {
    const why = `they are declared no more, and ${away} of its partitions ${away === 1 ? 'is' : 'are'} packed, slim or cold, or on the way`
    return { steps: [], held: [{ what, why, todo: 'unpack or restore them first, or declare it again' }] }
  }
  const others = [...readers.stuck, ...readers.changes]
  if (others.length > 0) {
    const why = `they are declared no more, and ${others.join(', ')} read its history`
    return { steps: [], held: [{ what, why, todo: 'drop them, or declare them no more; or declare it again' }] }
  }
  const { history, between, segments, unpacked, loose, ...functions } = placesOf(named)
  const own = [history, segments].filter((place) => isOneOfOurs(standing, place))
  return {
    steps: [
      {
        title: `Tiers of table ${table.schema}.${table.table}: drop its history, which is the table itself again`,
        statements: [
          ...requireAllHot(table.id),
          ...(isOneOfOurs(standing, between) ? [`drop function if exists ${between}`] : []),
          ...own.map((place) => `drop view if exists ${place}`),
          `drop view if exists ${unpacked}`,
          ...[functions.insert, functions.update, functions.delete, functions.cut, functions.moved].map(
            (place) => `drop function if exists ${place}`,
          ),
          `drop table if exists ${loose}`,
          ...forgetTierTable(table.id),
        ],
        undo: null,
        whyNoUndo,
      },
    ],
    held: [],
  }
}
