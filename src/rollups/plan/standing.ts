// Whether all that SQL reads a rollup through is there, as this package makes it: an earlier one made less of it. What is missing,
// or ours and made otherwise, is made; what somebody else made under such a name is left as it is, and told.

import type { Queryable, Session } from '../../db/db.ts'
import type { Held, StepDraft } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'
import { inspectSource } from '../declared/inspect.ts'
import { distinctIn } from '../kept/distinct.ts'
import { createEverView } from '../kept/ever.ts'
import { grantsOf } from '../kept/grants.ts'
import { createPendingView } from '../kept/levels-tables.ts'
import type { InstalledRollup } from '../kept/queries.ts'
import { deltaOf, everViewOf, pendingViewOf, totalsOf } from '../model/names.ts'
import { ownFunctions } from '../model/own-functions.ts'
import { shapeOf, type Shape } from '../model/shape.ts'
import { createFunctions } from '../read/sql-functions.ts'

export interface Standing {
  readonly steps: readonly StepDraft[]
  readonly held: readonly Held[]
}

/** Of rollups that are read, and that nothing else is done with. */
export async function readStanding(session: Session, rollups: readonly InstalledRollup[]): Promise<Standing> {
  const steps: StepDraft[] = []
  const held: Held[] = []
  for (const { name, shape, state } of rollups) {
    if (state === 'filling') continue
    const wanted = await readWanted(session, shape)
    const foreign = wanted.flatMap(({ place, is }) => (is === 'foreign' ? [place] : []))
    if (foreign.length > 0) held.push(madeByOthers(name, foreign))
    const made = wanted.filter(({ is }) => is === 'missing' || is === 'stale')
    // Rights are given to all of it, or to none.
    if (made.length === 0 || foreign.length > 0) continue
    const full = distinctIn(shape).length === 0 ? shape : await withEquals(session, shape)
    steps.push({
      title: `Rollup ${name}: make ${made.map(({ place }) => place).join(', ')}`,
      statements: [...made.flatMap(({ create }) => create(full)), ...(await grantsOf(session, shape))],
      undo: null,
      whyNoUndo: 'the next apply would make them again',
    })
  }
  return { steps, held }
}

/** What has a name that a rollup takes, and is none of its own. */
export async function readForeign(on: Queryable, shape: Shape): Promise<readonly string[]> {
  return (await readWanted(on, shape)).flatMap(({ place, is }) => (is === 'foreign' ? [place] : []))
}

/** Statements that make its functions as they are now, where they are there; undefined: some of them are somebody else's. */
export async function readStaleFunctions(on: Queryable, shape: Shape): Promise<readonly string[] | undefined> {
  const wanted = await readFunctions(on, shape)
  if (wanted.some(({ is }) => is === 'foreign')) return undefined
  return wanted.flatMap(({ is, create }) => (is === 'stale' ? create(shape) : []))
}

export function madeByOthers(name: string, places: readonly string[]): Held {
  return {
    what: `rollup ${name}`,
    why: `somebody else made ${places.join(', ')}, by which it would be read`,
    todo: 'rename it in a migration, or drop it, and apply',
  }
}

interface Wanted {
  readonly place: string
  readonly is: 'current' | 'stale' | 'missing' | 'foreign'
  readonly create: (shape: Shape) => readonly string[]
}

async function readWanted(on: Queryable, shape: Shape): Promise<readonly Wanted[]> {
  return [...(await readViews(on, shape)), ...(await readFunctions(on, shape))]
}

/** A view is ours if it reads what is ours. */
async function readViews(on: Queryable, { rollup, levels = [], totals }: Shape): Promise<readonly Wanted[]> {
  const views = [
    ...(levels.length === 0 ? [] : [{ place: pendingViewOf(rollup), of: deltaOf(rollup), create: createPendingView }]),
    ...(totals === undefined ? [] : [{ place: everViewOf(rollup), of: totalsOf(rollup), create: createEverView }]),
  ]
  const { rows } = await on.query<{ there: boolean; ours: boolean }>(sql`
    select to_regclass(place) is not null as there, exists (
        select
        from pg_rewrite r
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        where r.ev_class = to_regclass(place)
          and d.refclassid = 'pg_class'::regclass
          and d.refobjid = to_regclass(source)
      ) as ours
    from unnest(${views.map(({ place }) => place)}::text[], ${views.map(({ of }) => of)}::text[])
      with ordinality as view (place, source, number)
    order by number`)
  return views.map(({ place, create }, number) => {
    const { there = false, ours = false } = rows[number] ?? {}
    return { place, create, is: ours ? 'current' : there ? 'foreign' : 'missing' }
  })
}

const ours = /[(]pgstrata [0-9a-f]{12}[)]$/

async function readFunctions(on: Queryable, shape: Shape): Promise<readonly Wanted[]> {
  const places = ownFunctions(shape).map(({ place }) => place)
  const { rows } = await on.query<{ there: boolean; comment: string | null }>(sql`
    select to_regprocedure(place) is not null as there,
      obj_description(to_regprocedure(place), 'pg_proc') as comment
    from unnest(${places}::text[]) with ordinality as called (place, number)
    order by number`)
  return createFunctions(shape).map(({ place, comment }, number) => {
    const { there = false, comment: found = null } = rows[number] ?? {}
    const create = (of: Shape): readonly string[] =>
      createFunctions(of).flatMap((one) => (one.place === place ? one.statements : []))
    if (!there) return { place, create, is: 'missing' }
    return { place, create, is: found === comment ? 'current' : ours.test(found ?? '') ? 'stale' : 'foreign' }
  })
}

/** An earlier package did not ask how values are told apart. */
async function withEquals(session: Session, shape: Shape): Promise<Shape> {
  const { values = [] } = shapeOf(shape.rollup, await inspectSource(session, shape.rollup))
  const known = (shape.values ?? []).map((one) => values.find(({ name }) => name === one.name) ?? one)
  return { ...shape, values: known }
}
