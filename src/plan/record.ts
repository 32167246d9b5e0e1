// How managed objects were left: what later plans compare with. An object that we changed ourselves is recorded at once, one
// that a person has not decided about stays as it was recorded.

import type { Session } from '../db/db.ts'
import { readDefinitions } from './definitions.ts'
import type { Plan } from './plan.ts'
import { readRecordedObjects, recordObjects } from './queries.ts'
import { readServerMajor } from './read-plan.ts'
import type { CarriedObjects } from './carried.ts'
import type { Contribution, ManagedObject } from './step.ts'

export interface RecordOptions {
  readonly changed: boolean
  /** Nothing was done since the plan was read: what it saw is how things were left. */
  readonly isCurrent: boolean
  readonly keep: ReadonlySet<string>
}

/** What stands there now, made or adopted, is what later plans compare with. */
export async function recordManaged(
  session: Session,
  contributions: readonly Contribution[],
  plan: Plan,
  { changed, isCurrent, keep }: RecordOptions,
): Promise<void> {
  if (!changed && plan.unrecorded.length === 0) return
  const live = isCurrent ? plan.live : await readDefinitions(session, managedBy(contributions))
  await recordDefinitions(session, contributions, new Map([...live].filter(([identity]) => !keep.has(identity))))
}

export async function recordChanged(
  session: Session,
  contributions: readonly Contribution[],
  identities: readonly string[],
): Promise<void> {
  const objects = managedBy(contributions).filter(({ identity }) => identities.includes(identity))
  await recordDefinitions(session, contributions, await readDefinitions(session, objects))
}

function managedBy(contributions: readonly Contribution[]): readonly ManagedObject[] {
  return contributions.flatMap(({ manages }) => manages)
}

/** Those that look as they were left, or were left on another server version. */
export async function readUntouched(session: Session, objects: readonly ManagedObject[]): Promise<ReadonlySet<string>> {
  const live = await readDefinitions(session, objects)
  const serverMajor = await readServerMajor(session)
  const recorded = await readRecordedObjects(session)
  const isLeft = ({ identity }: ManagedObject): boolean =>
    recorded.some(
      (one) => one.identity === identity && (one.definition === live.get(identity) || one.serverMajor !== serverMajor),
    )
  return new Set(objects.filter(isLeft).map(({ identity }) => identity))
}

/** Made again outside of an apply, in the same transaction: that is no change by hand. */
export async function recordCarried(session: Session, { feature, objects }: CarriedObjects): Promise<void> {
  if (objects.length === 0) return
  const contribution = { feature, steps: [], manages: objects }
  await recordDefinitions(session, [contribution], await readDefinitions(session, objects))
}

async function recordDefinitions(
  session: Session,
  contributions: readonly Contribution[],
  live: ReadonlyMap<string, string>,
): Promise<void> {
  if (live.size === 0) return
  const serverMajor = await readServerMajor(session)
  const objects = contributions.flatMap(({ feature, manages }) =>
    manages.flatMap(({ identity }) => {
      const definition = live.get(identity)
      return definition === undefined ? [] : [{ feature, identity, definition, serverMajor }]
    }),
  )
  await recordObjects(session, objects)
}
