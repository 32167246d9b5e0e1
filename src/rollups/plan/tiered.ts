// Rollups of a table that got tiers, or lost them: from where they are read, compared and built anew. What they are kept in stays.
//
// What holds: no packing of a table begins while one of its rollups reads the table alone. A rollup is kept under another definition
// from this step on: whoever still goes by the old one finds out, and does nothing. Loose rows are watched in the same
// transaction. Where something was packed all the same (a rollup that came while a partition was on its way), it is built anew.

import type { Queryable } from '../../db/db.ts'
import type { Held, StepDraft } from '../../plan/index.ts'
import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { captureTriggers } from '../capture/capture.ts'
import { readTiered } from '../../catalog/tiered.ts'
import { isSameTiered, readTieredSource } from '../declared/tiered.ts'
import { readLostFloor } from '../merge/floor.ts'
import type { InstalledRollup } from '../kept/queries.ts'
import { definitionColumn } from '../model/definition.ts'
import { lockOf } from '../model/names.ts'
import type { Relation, Source } from '../model/options.ts'
import type { Shape, TieredSource } from '../model/shape.ts'
import { lockStatement } from '../model/statements.ts'
import { madeByOthers, readStaleFunctions } from './standing.ts'

export interface Retiering {
  readonly steps: readonly StepDraft[]
  readonly held: readonly Held[]
  /** As they are kept when the steps are done, by name. */
  readonly shapes: ReadonlyMap<string, Shape>
}

export async function readRetiering(
  on: Queryable,
  source: Source,
  { installed, relations }: { readonly installed: readonly InstalledRollup[]; readonly relations: readonly Relation[] },
): Promise<Retiering> {
  const tiered = installed.length === 0 ? undefined : await readTieredSource(on, source)
  const hasPacks = tiered !== undefined && (await readTiered(on, source))?.hasPacks === true
  const shapes = new Map<string, Shape>()
  const held: Held[] = []
  const statements: string[] = []
  for (const one of installed.filter(({ shape }) => !isSameTiered(shape.tiered, tiered))) {
    const to = withTiers(one.shape, tiered)
    const functions = one.state === 'filling' ? [] : await readStaleFunctions(on, to)
    if (functions === undefined) {
      held.push(madeByOthers(one.name, ['its functions']))
      continue
    }
    shapes.set(one.name, to)
    statements.push(...retier(one.shape, to), ...(hasPacks ? await buildAnew(on, to) : []), ...functions)
  }
  if (shapes.size === 0) return { steps: [], held, shapes }
  const loose = relations.filter(({ events }) => events !== undefined)
  const title = `Rollups of table ${source.schema}.${source.table}: read ${tiered === undefined ? 'the table alone' : `rows from ${tiered.history}`} (${[...shapes.keys()].join(', ')})`
  const watched = loose.flatMap((relation) => captureTriggers(source, relation))
  const step: StepDraft = {
    title,
    statements: [...watched, ...statements],
    undo: null,
    whyNoUndo: 'it follows from the tiers of the table',
  }
  return { steps: [step], held, shapes }
}

export function behindTiers({ schema, table }: Source): Held {
  return {
    what: `rollups of table ${schema}.${table}`,
    why: 'the table gets a history first, which they read',
    todo: 'the same apply does it behind that',
    waits: true,
  }
}

function withTiers({ tiered: _tiered, tieredAt: _at, ...shape }: Shape, tiered: TieredSource | undefined): Shape {
  return tiered === undefined ? shape : { ...shape, tiered }
}

function retier(from: Shape, to: Shape): readonly string[] {
  const { rollup } = to
  const [was, is] = [definitionColumn(from), definitionColumn(to)].map(quoteIdent)
  return [
    lockStatement(rollup),
    `alter table ${lockOf(rollup)} drop column ${was ?? ''}, add column ${is ?? ''} boolean`,
    `update pgstrata.rollup
set shape = ${quoteLiteral(JSON.stringify(to))}::jsonb || jsonb_build_object('tieredAt', clock_timestamp())
where name = ${quoteLiteral(rollup.name)}`,
  ]
}

/** Range by range, above what history is left of; while it is read. */
async function buildAnew(on: Queryable, to: Shape): Promise<readonly string[]> {
  const floor = await readLostFloor(on, to)
  if (floor === 'all') return []
  const filledTo = floor === 'none' ? 'null' : quoteLiteral(floor.bucket)
  return [
    `update pgstrata.rollup
set state = case state when 'filling' then state else 'refilling' end, filled_to = ${filledTo}
where name = ${quoteLiteral(to.rollup.name)}`,
  ]
}
