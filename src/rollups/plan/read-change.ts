// What is to become of a rollup that is kept, by what is declared of it now.

import type { Session } from '../../db/db.ts'
import type { Held } from '../../plan/index.ts'
import { changeBetween, isSameDeclaration } from '../model/definition.ts'
import { readReaders } from '../kept/dependants.ts'
import { findMisfit } from '../declared/fits.ts'
import { readLostFloor } from '../merge/floor.ts'
import { inspectSource } from '../declared/inspect.ts'
import type { Rollup } from '../model/options.ts'
import { ownRelations } from '../model/own-relations.ts'
import type { InPlace, Replacement } from './plan.ts'
import type { InstalledRollup } from '../kept/queries.ts'
import { shapeOf, type Shape } from '../model/shape.ts'

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
}

/** What is put behind it has to fit still. */
function mostBytesOf(rollup: Rollup): number {
  return 63 - '_next'.length - Math.max(...ownRelations(rollup).map(({ suffix }) => Buffer.byteLength(suffix)))
}

export async function readChange(session: Session, { rollup, kept, installed }: Subject): Promise<Found> {
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
  const dependants = await readReaders(session, kept.declared)
  if (dependants.length > 0) {
    return stays(
      `it is declared in another way than it is kept, and ${dependants.join(', ')} read it`,
      'drop them, apply, and make them again',
    )
  }
  const floor = await readLostFloor(session, kept.shape)
  if (change.kind === 'in place') {
    if (kept.state === 'filling') return stays('it is being filled as it was declared', 'apply again when it is filled')
    const added = floor === 'all' ? [] : change.added
    if (floor === 'all' && change.added.length > 0) {
      return stays(
        'partitions of its table may be gone, and what they had of a new measure cannot be told',
        'declare the measure in a rollup of its own',
      )
    }
    const { filling = [] } = kept.shape
    const names = new Set(rollup.measures.map(({ name }) => name))
    const still = [...new Set([...filling, ...added])].filter((name) => names.has(name))
    const full = shapeOf(rollup, await inspectSource(session, rollup))
    const to = still.length === 0 ? full : { ...full, filling: still }
    return { shapes: [to], change: { from: kept, to, floor } }
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
  return await readBeside(session, { rollup, kept, installed })
}

async function readBeside(session: Session, { rollup, kept, installed }: Subject): Promise<Found> {
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
  return { shapes: [to], replacement: { kept, next, to } }
}

function waiting(name: string, next: string): Held {
  return {
    what: `rollup ${name}`,
    why: `it is declared in another way than it is kept, and built anew beside it as ${next}`,
    todo: `apply again when it is filled: \`pgstrata serve\` fills it, or \`pgstrata rollup fill ${name}\``,
  }
}
