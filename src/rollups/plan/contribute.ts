// The rollups' part of the plan: every source read, and what is to do with the rollups on it. A rollup that cannot be kept as
// declared is held back with the reason; what is there of it goes on.

import { isStrataError, messageOf } from '../../base/errors.ts'
import { contributeRoutines } from '../../catalog/routines.ts'
import { readTiered } from '../../catalog/tiered.ts'
import type { Session } from '../../db/db.ts'
import type { CarriedReaders, CarryReaders, Contribution, Held, StepDraft } from '../../plan/index.ts'
import { isConnectionLost, sqlstateOf } from '../../sql/sqlstate.ts'
import type { Source, Rollup } from '../model/options.ts'
import { isOf, sourcesOf } from '../model/sources.ts'
import { carryNobody, readByOthers } from '../kept/dependants.ts'
import { grantsOf } from '../kept/grants.ts'
import { inspectSource } from '../declared/inspect.ts'
import { mergeProcedure } from '../merge/merge-procedure.ts'
import { eventsOf, isSmall, planSource, type InPlace, type Replacement } from './plan.ts'
import { readChange } from './read-change.ts'
import {
  readFunctionComments,
  readInstalled,
  readSizeBytes,
  readSubscriptions,
  readUnwatched,
  readWithRows,
  type InstalledRollup,
} from '../kept/queries.ts'
import { isSubscriber } from '../capture/replica-triggers.ts'
import { readRelations, readStrayTriggers } from '../capture/relations.ts'
import { shapeOf, type Shape } from '../model/shape.ts'
import { behind, createSharing, type Sharing } from './sharing.ts'
import { madeByOthers, readForeign, readStanding } from './standing.ts'
import { behindTiers, readRetiering } from './tiered.ts'

export interface ContributeOptions {
  readonly carryReaders?: CarryReaders
  /** Tables that get a history in the same plan: a rollup that reads it from its beginning is never read from the table alone. */
  readonly later?: readonly Source[]
}

export async function contributeRollups(
  session: Session,
  rollups: readonly Rollup[],
  { carryReaders = carryNobody, later = [] }: ContributeOptions = {},
): Promise<Contribution> {
  const installed = await readInstalled(session)
  // What is kept is its source's until it is dropped, wherever it is declared by now.
  const homes = rollups.map((rollup) => ({
    rollup,
    home: installed.find(({ name }) => name === rollup.name) ?? rollup,
  }))
  const plans: SourcePlan[] = []
  const shapes: Shape[] = []
  const sharing = createSharing()
  for (const source of sourcesOf([...rollups, ...installed])) {
    const plan = await planOne(session, source, {
      rollups: homes.filter(({ home }) => isOf(home, source)).map(({ rollup }) => rollup),
      installed: installed.filter((rollup) => isOf(rollup, source)),
      carryReaders,
      sharing,
      isLater: later.some((one) => isOf(one, source)),
    })
    plans.push(plan)
    shapes.push(...plan.shapes)
  }
  const isKnown = shapes.length + installed.length > 0
  const routines = await contributeRoutines(session, isKnown ? [mergeProcedure(shapes)] : [])
  return {
    feature: 'rollups',
    // The procedure names the tables of the rollups, which are there by then.
    steps: [...plans.flatMap(({ steps }) => steps), ...routines.steps],
    manages: routines.manages,
    held: [...plans.flatMap(({ held }) => held), ...routines.held],
    replans: true,
  }
}

interface SourcePlan {
  readonly steps: readonly StepDraft[]
  readonly held: readonly Held[]
  /** Of all that is kept when the steps are done. */
  readonly shapes: readonly Shape[]
}

interface OfSource {
  readonly rollups: readonly Rollup[]
  readonly installed: readonly InstalledRollup[]
  readonly carryReaders: CarryReaders
  readonly sharing: Sharing
  readonly isLater: boolean
}

async function planOne(session: Session, source: Source, ofSource: OfSource): Promise<SourcePlan> {
  const { installed, sharing } = ofSource
  if (ofSource.isLater) {
    return { steps: [], held: [behindTiers(source)], shapes: installed.map(({ shape }) => shape) }
  }
  const relations = await readRelations(session, source)
  const retiering = await readRetiering(session, source, { installed, relations })
  if (retiering.steps.length > 0) {
    // What is declared otherwise besides is seen to at the next look, behind it.
    const shapes = installed.map(({ name, shape }) => retiering.shapes.get(name) ?? shape)
    return { ...retiering, shapes }
  }
  const { shapes, changes, replacements, beside, held, readers: all, leaving } = await readShapes(session, ofSource)
  // Declared elsewhere by now, and dropped there: there is nothing here to look at.
  if (shapes.length + installed.length === 0) return { steps: [], held, shapes: [] }
  const readers = sharing.take(all, leaving)
  if ('waitsFor' in readers) {
    const first = behind(source, readers.waitsFor)
    return { steps: [], held: [...held, first], shapes: installed.map(({ shape }) => shape) }
  }
  // What is packed takes too long to be unpacked while writers wait.
  const hasPacks = (await readTiered(session, source))?.hasPacks === true
  const sizeBytes = hasPacks ? Infinity : await readSizeBytes(session, relations)
  const added = shapes.filter(({ rollup }) => !installed.some(({ name }) => name === rollup.name))
  const grants = await readGrants(session, { added, changes, replacements, atOnce: isSmall(sizeBytes) })
  const subscriber = isSubscriber(shapes.map(({ rollup }) => rollup))
  const subscriptions = subscriber || shapes.length === 0 ? [] : await readSubscriptions(session, relations)
  const unwatched = await readUnwatched(session, relations, { subscriber })
  const plan = planSource({
    grants,
    source,
    relations,
    unwatched,
    withRows: installed.length === 0 ? [] : await readWithRows(session, unwatched.relations),
    strays: await readStrayTriggers(session, source),
    functionComments: await readFunctionComments(session, source, eventsOf(shapes)),
    sizeBytes,
    shapes,
    installed,
    changes,
    replacements,
    beside,
    readers,
  })
  const isHeld = (name: string): boolean => held.some(({ what }) => what === `rollup ${name}`)
  const staying = installed.filter(({ name, shape }) => shapes.includes(shape) && !isHeld(name))
  const standing = await readStanding(session, staying)
  return {
    steps: [...plan, ...standing.steps],
    held: [...held, ...retiering.held, ...standing.held, ...unheard(source, shapes, subscriptions)],
    shapes,
  }
}

interface Made extends Pick<Shapes, 'changes' | 'replacements'> {
  readonly added: readonly Shape[]
  /** What is new is filled in the step, and shown behind it. */
  readonly atOnce: boolean
}

async function readGrants(
  session: Session,
  { added, changes, replacements, atOnce }: Made,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const grants = new Map<string, readonly string[]>()
  for (const shape of added) grants.set(shape.rollup.name, await grantsOf(session, shape, { views: atOnce }))
  for (const { to } of [...changes, ...replacements]) {
    const { filling: _filling, ...full } = to
    grants.set(to.rollup.name, await grantsOf(session, atOnce ? full : to))
  }
  return grants
}

/** A subscription writes to the source, and no rollup of it says so. */
function unheard(
  { schema, table }: Source,
  [shape]: readonly Shape[],
  subscriptions: readonly string[],
): readonly Held[] {
  if (shape === undefined || subscriptions.length === 0) return []
  return [
    {
      what: `rollups of table ${schema}.${table}`,
      why: `subscription ${subscriptions.join(', ')} writes to it, and rows that are streamed in fire no plain trigger`,
      todo: `say \`subscriber: true\` of rollup ${shape.rollup.name}, apply, then \`pgstrata rollup verify --fix\` each of them`,
    },
  ]
}

interface Shapes {
  /** Of all that is kept when the steps are done. */
  readonly shapes: readonly Shape[]
  readonly changes: readonly InPlace[]
  readonly replacements: readonly Replacement[]
  /** Names of those that are built to take the place of another, and whose. */
  readonly beside: ReadonlyMap<string, string>
  /** Of those that change or go. */
  readonly readers: CarriedReaders
  readonly leaving: readonly Shape[]
  readonly held: readonly Held[]
}

async function readShapes(
  session: Session,
  { rollups, installed, carryReaders }: Omit<OfSource, 'sharing' | 'isLater'>,
): Promise<Shapes> {
  const shapes: Shape[] = []
  const changes: InPlace[] = []
  const replacements: Replacement[] = []
  const beside = new Map<string, string>()
  const held: Held[] = []
  for (const rollup of rollups) {
    try {
      const kept = installed.find(({ name }) => name === rollup.name)
      if (kept === undefined) {
        shapes.push(shapeOf(rollup, await inspectSource(session, rollup)))
        continue
      }
      const found = await readChange(session, { rollup, kept, installed, carryReaders })
      shapes.push(...found.shapes)
      changes.push(...(found.change === undefined ? [] : [found.change]))
      replacements.push(...(found.replacement === undefined ? [] : [found.replacement]))
      if (found.next !== undefined) beside.set(found.next, rollup.name)
      held.push(...(found.held === undefined ? [] : [found.held]))
    } catch (error) {
      if (!isStrataError(error, 'ROLLUP_IMPOSSIBLE') && (sqlstateOf(error) === undefined || isConnectionLost(error)))
        throw error
      const todo = isStrataError(error)
        ? (error.advice ?? 'mend its declaration')
        : 'mend what the server says, and plan again'
      held.push({ what: `rollup ${rollup.name}`, why: messageOf(error), todo })
      // What is kept goes on as it is.
      shapes.push(
        ...installed.filter(({ name, replaces }) => [name, replaces].includes(rollup.name)).map(({ shape }) => shape),
      )
    }
  }
  const going = installed.filter(
    ({ name }) =>
      !shapes.some(({ rollup }) => rollup.name === name) && !replacements.some(({ next }) => next.name === name),
  )
  const gone: Shape[] = []
  for (const { name, shape } of going) {
    const { stuck, changes: others } = await carryReaders(session, readByOthers(shape), { asDeclared: true })
    const foreign = await readForeign(session, shape)
    if (stuck.length + others.length + foreign.length === 0) gone.push(shape)
    else {
      shapes.push(shape)
      held.push(foreign.length > 0 ? madeByOthers(name, foreign) : stillRead(name, [...stuck, ...others]))
    }
  }
  const replaced = replacements.map(({ kept }) => kept.shape)
  const leaving = [...changes.map(({ from }) => from.shape), ...replaced, ...gone]
  const read = leaving.map(readByOthers)
  const readers = await carryReaders(
    session,
    { relations: read.flatMap(({ relations }) => relations), functions: read.flatMap(({ functions }) => functions) },
    { asDeclared: true },
  )
  return { shapes, changes, replacements, beside, readers, leaving, held }
}

function stillRead(name: string, readers: readonly string[]): Held {
  return {
    what: `rollup ${name}`,
    why: `it is declared no more, and ${readers.join(', ')} read it`,
    todo: 'drop them, or declare them no more; or declare it again',
  }
}
