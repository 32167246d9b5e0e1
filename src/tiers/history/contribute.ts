// The tiers' part of the plan: readers of the history of every table that is declared, and what is left of those that are declared no
// more. A table that cannot have tiers is held back with the reason; the others are planned.

import { messageOf } from '../../base/errors.ts'
import { readDependants } from '../../catalog/dependants.ts'
import type { Session } from '../../db/db.ts'
import type { CarriedReaders, CarryReaders, Contribution, Held } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { isConnectionLost, sqlstateOf } from '../../sql/sqlstate.ts'
import type { TieredTable } from '../model/options.ts'
import { findRefusals, readRefusalFacts } from '../model/refusals.ts'
import { numbersHere, tableOf } from '../model/numbers.ts'
import { readNextNumber, readTierTables, type TierTable } from '../model/tables.ts'
import { readRightsDiffer } from './grants.ts'
import { placesOf, type Named, type TierObjects } from './objects.ts'
import { dropsOf, piecesOf, planGone, planTable, whatOf, type TablePlan } from './plan.ts'
import { readLivePacks, readTableObjects } from './read-objects.ts'
import { pieceOf } from './piece.ts'
import { readStanding } from './standing.ts'

export interface ContributeOptions {
  readonly tables: readonly TieredTable[]
  /** Of whoever keeps views that may read a history. */
  readonly carryReaders?: CarryReaders
}

export interface TiersContribution extends Contribution {
  /** Tables that get a history by these steps, and had none before. */
  readonly begun: readonly { readonly schema: string; readonly table: string }[]
}

export async function contributeTiers(
  session: Session,
  { tables, carryReaders = carryNobody }: ContributeOptions,
): Promise<TiersContribution> {
  const applied = await readTierTables(session)
  const plans: TablePlan[] = []
  const begun: TieredTable['partitioned'][] = []
  let number = applied.length + tables.length === 0 ? 0 : await readNextNumber(session)
  for (const declared of tables) {
    const { schema, table } = declared.partitioned
    const known = applied.find((one) => one.schema === schema && one.table === table)
    const plan = await planOne(session, declared, { known, number: known?.id ?? number, carryReaders })
    plans.push(plan)
    if (known !== undefined) continue
    number++
    if (plan.steps.length > 0) begun.push(declared.partitioned)
  }
  const gone = applied.filter(
    ({ schema, table }) => !tables.some(({ partitioned: one }) => one.schema === schema && one.table === table),
  )
  for (const table of gone) plans.push(await planOneGone(session, table, carryReaders))
  return {
    feature: 'tiers',
    steps: plans.flatMap(({ steps }) => steps),
    // Every view and function carries a digest; what they read changes with every pack.
    manages: [],
    held: plans.flatMap(({ held }) => held),
    replans: true,
    begun,
  }
}

interface Tools {
  readonly known: TierTable | undefined
  readonly number: number
  readonly carryReaders: CarryReaders
}

async function planOne(session: Session, declared: TieredTable, tools: Tools): Promise<TablePlan> {
  const hold = (why: string, todo: string, waits?: true): TablePlan => {
    const held: Held = { what: whatOf(declared.partitioned), why, todo }
    return { steps: [], held: [waits === undefined ? held : { ...held, waits }] }
  }
  try {
    const facts = await readRefusalFacts(session, declared)
    if (facts === undefined)
      return hold('there is no such table', 'create it in a migration, then run `pgstrata apply`')
    const refusals = findRefusals(declared, facts)
    const layout = declared.partitioned.layout.kind
    if (
      !facts.isPartitioned ||
      facts.isChild ||
      layout === 'hash' ||
      (facts.rowSecurity && tools.known === undefined)
    ) {
      const [first] = refusals
      return first === undefined ? { steps: [], held: [] } : hold(first.why, first.todo)
    }
    const objects = await readDeclared(session, declared, tools)
    const standing = await readStanding(session, piecesOf(objects))
    const drops = dropsOf({ objects, applied: tools.known, standing })
    const isAny = drops.relations.length + drops.functions.length > 0
    return planTable({
      declared,
      objects,
      applied: tools.known,
      refusals,
      standing,
      hasLoose: await isThere(session, placesOf(objects).loose),
      rightsDiffer: await readRightsDiffer(session, objects),
      readers: isAny ? await tools.carryReaders(session, drops, { asDeclared: true }) : nobody,
    })
  } catch (error) {
    if (sqlstateOf(error) === undefined || isConnectionLost(error)) throw error
    return hold(`it cannot be read: ${messageOf(error)}`, 'mend what the server says, and plan again')
  }
}

async function readDeclared(session: Session, { partitioned, warm }: TieredTable, tools: Tools): Promise<TierObjects> {
  const { schema, table } = partitioned
  const { known, number } = tools
  const { rows } = await session.query<{ oid: number }>(sql`
    select ${quoteQualified(schema, table)}::regclass::oid::int8::float8 as oid`)
  const subject = { schema, table, oid: rows[0]?.oid ?? 0, number, segmentBy: warm?.segmentBy ?? [] }
  const objects = await readTableObjects(session, subject)
  return known === undefined ? objects : { ...objects, packs: await readLivePacks(session, subject) }
}

async function planOneGone(session: Session, table: TierTable, carryReaders: CarryReaders): Promise<TablePlan> {
  const { rows } = await session.query<{ away: number; type: string | null }>(sql`
    select (
        select count(*)::int4
        from pgstrata.tier_partition
        where tier_table = ${table.id}
          and state <> 'hot'
      ) as away,
      (
        select (c ->> 'type')
        from pgstrata.tier_table t
        cross join lateral jsonb_array_elements(${sql.raw(numbersHere('t.columns', 'attnum'))}) as c
        join pg_partitioned_table p on p.partrelid = ${tableOf}
        where t.id = ${table.id}
          and (c ->> 'attnum')::int4 = p.partattrs[0]
      ) as type`)
  const { away = 0, type = null } = rows[0] ?? {}
  const named: Named = { table, number: table.id, axis: { type: type ?? 'timestamp with time zone' } }
  const { history, between, segments } = placesOf(named)
  const ours = [
    pieceOf({ kind: 'view', place: history, purpose: '', create: [] }),
    pieceOf({ kind: 'view', place: segments, purpose: '', create: [] }),
    pieceOf({ kind: 'function', place: between, purpose: '', create: [] }),
  ]
  const readers = await carryReaders(
    session,
    { relations: [history, segments], functions: [between] },
    { asDeclared: true },
  )
  return planGone({ table, away, named, standing: await readStanding(session, ours), readers })
}

async function isThere(session: Session, place: string): Promise<boolean> {
  const { rows } = await session.query(sql`select where to_regclass(${place}) is not null`)
  return rows.length > 0
}

const nobody: CarriedReaders = {
  drop: [],
  create: [],
  changes: [],
  stuck: [],
  uses: [],
  records: { feature: '', objects: [] },
}

/** Where nobody is there who can make a reader again. */
const carryNobody: CarryReaders = async (session, { relations, functions }) => {
  const readers = await readDependants(session, relations, { functions })
  return { ...nobody, stuck: readers.map(({ what }) => what) }
}
