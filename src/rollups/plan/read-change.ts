// What is to become of a rollup that is kept, by what is declared of it now.

import type { Session } from '../../db/db.ts'
import type { CarryReaders, Held, Use } from '../../plan/index.ts'
import { changeBetween, isSameDeclaration, type Change } from '../model/definition.ts'
import { readByOthers } from '../kept/dependants.ts'
import { describeLosses, findLosses, isReal, type Loss } from './losing.ts'
import { findMisfit } from '../declared/fits.ts'
import { readLostFloor, type Floor } from '../merge/floor.ts'
import { inspectSource } from '../declared/inspect.ts'
import type { Rollup } from '../model/options.ts'
import { functionSuffixes } from '../model/own-functions.ts'
import { ownRelations } from '../model/own-relations.ts'
import type { InPlace, Replacement } from './plan.ts'
import type { InstalledRollup } from '../kept/queries.ts'
import { shapeOf, type Shape } from '../model/shape.ts'
import { madeByOthers, readForeign } from './standing.ts'

interface Found {
  /** Of what is kept afterwards. */
  readonly shapes: readonly Shape[]
  readonly change?: InPlace
  readonly replacement?: Replacement
  /** The name of the one that is built beside. */
  readonly next?: string
  readonly held?: Held
}

interface Subject {
  readonly rollup: Rollup
  readonly kept: InstalledRollup
  readonly installed: readonly InstalledRollup[]
  readonly carryReaders: CarryReaders
}

/** What is put behind it has to fit still. */
function mostBytesOf(rollup: Rollup): number {
  const suffixes = [...ownRelations(rollup).map(({ suffix }) => suffix), ...functionSuffixes]
  return 63 - '_next'.length - Math.max(...suffixes.map((suffix) => Buffer.byteLength(suffix)))
}

export async function readChange(session: Session, subject: Subject): Promise<Found> {
  const { rollup, kept, carryReaders } = subject
  const change = changeBetween(kept.declared, rollup)
  const stays = (why: string, todo: string): Found => ({
    shapes: [kept.shape],
    held: { what: `rollup ${rollup.name}`, why, todo },
  })
  const misfit = await findMisfit(session, kept.shape)
  if (change.kind === 'none' && misfit === undefined) return { shapes: [kept.shape] }
  // What is built beside would not be captured either: it is the old one at which writes fail.
  if (misfit !== undefined && change.kind !== 'in place') return stays(misfit.why, misfit.todo)
  if (change.kind === 'elsewhere') {
    return stays(
      'it is declared of another table than it is kept of',
      'declare it under another name, let readers move there, then declare this one no more',
    )
  }
  const { stuck, uses } = await carryReaders(session, readByOthers(kept.shape), { asDeclared: true })
  if (stuck.length > 0) {
    return stays(
      `it is declared in another way than it is kept, and ${stuck.join(', ')} read it`,
      'drop them, apply, and make them again; plain views declared under `views` go along by themselves',
    )
  }
  const foreign = await readForeign(session, kept.shape)
  if (foreign.length > 0) return { shapes: [kept.shape], held: madeByOthers(rollup.name, foreign) }
  const floor = await readLostFloor(session, kept.shape)
  if (change.kind === 'in place') {
    if (kept.state === 'filling') return stays('it is being filled as it was declared', 'apply again when it is filled')
    if (floor === 'all' && change.added.length > 0) {
      return stays(
        'partitions of its table may be gone, and what they had of a new measure cannot be told',
        'declare the measure in a rollup of its own',
      )
    }
    return await readInPlace(session, subject, { change, floor, uses })
  }
  if (floor !== 'none') {
    return stays(
      'it is declared in another way than it is kept, and partitions of its table are gone: nothing could be counted anew of them',
      'declare it under another name, and keep this one for what it remembers',
    )
  }
  const mostBytes = mostBytesOf(rollup)
  if (Buffer.byteLength(rollup.name) > mostBytes) {
    return stays('it is declared in another way than it is kept', `give it a name of at most ${mostBytes} bytes`)
  }
  return await readBeside(session, subject, uses)
}

interface InPlaceChange {
  readonly change: Extract<Change, { readonly kind: 'in place' }>
  readonly floor: Floor
  readonly uses: readonly Use[]
}

/** What goes and is read stays until what comes is filled: its readers are made as they are declared then, and read it no more. */
async function readInPlace(
  session: Session,
  { rollup, kept }: Subject,
  { change: { added, removed }, floor, uses }: InPlaceChange,
): Promise<Found> {
  const { filling = [] } = kept.shape
  const shapeAs = async (declared: Rollup): Promise<Shape> => {
    const names = new Set(declared.measures.map(({ name }) => name))
    const still = [...new Set([...filling, ...added])].filter((name) => names.has(name))
    const full = shapeOf(declared, await inspectSource(session, declared))
    return still.length === 0 ? full : { ...full, filling: still }
  }
  const found = (to: Shape): Found => ({ shapes: [to], change: { from: kept, to, floor } })
  const to = await shapeAs(rollup)
  const losses = findLosses(uses, { from: kept.shape, to })
  const isLive = kept.state === 'live'
  const real = losses.filter(isReal)
  if (losses.length === 0 || (added.length === 0 && isLive && real.length === 0)) return found(to)
  const held = (waits: boolean): Held => ({ what: `rollup ${rollup.name}`, ...losing(losses, { waits }) })
  const areMade = real.every(({ isPending }) => isPending)
  if (added.length === 0) return { shapes: [kept.shape], held: held(!isLive || areMade) }
  const goes = kept.declared.measures.filter(({ name }) => removed.includes(name))
  const wider = await shapeAs({ ...rollup, measures: [...goes, ...rollup.measures] })
  return findLosses(uses, { from: kept.shape, to: wider }).length === 0
    ? { ...found(wider), held: held(true) }
    : { shapes: [kept.shape], held: held(false) }
}

/** Why a change has to wait. */
function losing(losses: readonly Loss[], { waits }: { readonly waits: boolean }): Omit<Held, 'what'> {
  const why = `it is declared in another way than it is kept, and ${describeLosses(losses)}, which it would have no more`
  return waits
    ? {
        why,
        todo: 'apply makes them as they are declared when all that they are to read is there and filled, and changes it behind that',
        waits,
      }
    : { why, todo: 'declare them otherwise, and apply; or declare them no more, apply, and declare them again' }
}

async function readBeside(
  session: Session,
  { rollup, kept, installed }: Subject,
  uses: readonly Use[],
): Promise<Found> {
  const beside: Rollup = { ...rollup, name: `${rollup.name}_next` }
  const next = installed.find(({ name }) => name === beside.name)
  if (next === undefined) {
    const shape = shapeOf(beside, await inspectSource(session, beside))
    return { shapes: [kept.shape, shape], next: beside.name, held: waiting(rollup.name, beside.name) }
  }
  // It was begun for yet another declaration: it goes, and the next plan begins anew.
  if (!isSameDeclaration(next.declared, beside))
    return { shapes: [kept.shape], held: waiting(rollup.name, beside.name) }
  if (next.state !== 'live') return { shapes: [kept.shape, next.shape], held: waiting(rollup.name, beside.name) }
  const to: Shape = { ...next.shape, rollup }
  const losses = findLosses(uses, { from: kept.shape, to })
  if (losses.some(isReal)) {
    const held = { what: `rollup ${rollup.name}`, ...losing(losses, { waits: false }) }
    return { shapes: [kept.shape, next.shape], held }
  }
  return { shapes: [to], replacement: { kept, next, to } }
}

function waiting(name: string, next: string): Held {
  return {
    what: `rollup ${name}`,
    why: `it is declared in another way than it is kept, and built anew beside it as ${next}`,
    todo: `apply again when it is filled: \`pgstrata serve\` fills it, or \`pgstrata rollup fill ${name}\``,
    waits: true,
  }
}
