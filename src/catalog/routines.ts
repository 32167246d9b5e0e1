// Functions and procedures that we keep in a database: made, and made anew where they are not as this package has them.
//
// Each carries a comment that ends in a digest of the statement that made it. What differs by that digest is replaced;
// what differs without it was changed by hand, and is drift, which `apply` asks about. Outside of schema "pgstrata" a
// routine without such a comment is somebody else's: it is never replaced, and that is told.

import { createHash } from 'node:crypto'
import type { Queryable } from '../db/db.ts'
import { quoteLiteral, quoteQualified } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import type { ObjectRef } from './dump/index.ts'

export interface Routine {
  readonly kind: 'function' | 'procedure'
  readonly schema: string
  readonly name: string
  /** Types of the arguments, as they identify it. */
  readonly argumentTypes: readonly string[]
  /** `create or replace …` */
  readonly create: string
  /** One sentence: its comment. */
  readonly purpose: string
}

export interface RoutineContribution {
  readonly steps: readonly {
    readonly title: string
    readonly statements: readonly string[]
    readonly undo: readonly string[]
    readonly changes: readonly string[]
  }[]
  readonly manages: readonly {
    readonly identity: string
    readonly ref: ObjectRef
    readonly restore: readonly string[]
  }[]
  readonly held: readonly { readonly what: string; readonly why: string; readonly todo: string }[]
}

/** In the order given: one that another stands on comes first. */
export async function contributeRoutines(on: Queryable, routines: readonly Routine[]): Promise<RoutineContribution> {
  const found = await readFound(on, routines)
  const held = routines.flatMap((routine, index) => findObstacle(routine, found[index]) ?? [])
  const stuck = new Set(held.map(({ what }) => what))
  const ours = routines.filter((routine) => !stuck.has(identityOf(routine)))
  const stale = ours.filter((routine) => found[routines.indexOf(routine)]?.comment !== commentOf(routine))
  return {
    held,
    steps: stale.map((routine) => ({
      title: `Make ${identityOf(routine)}`,
      statements: statementsOf(routine),
      undo: [`drop ${routine.kind} ${signatureOf(routine)}`],
      changes: [identityOf(routine)],
    })),
    manages: ours.map((routine) => ({
      identity: identityOf(routine),
      ref: { kind: routine.kind, schema: routine.schema, name: routine.name },
      restore: statementsOf(routine),
    })),
  }
}

function findObstacle(routine: Routine, found: Found | undefined): RoutineContribution['held'][number] | undefined {
  if (routine.schema === 'pgstrata' || found === undefined) return undefined
  const what = identityOf(routine)
  if (!found.schemaThere) {
    return { what, why: `there is no schema ${routine.schema}`, todo: 'create it in a migration, or name another' }
  }
  if (!found.there || /\(pgstrata [0-9a-f]{12}\)$/.test(found.comment ?? '')) return undefined
  return { what, why: 'somebody else made one of that name', todo: `drop it in a migration, or name another schema` }
}

function signatureOf({ schema, name, argumentTypes }: Routine): string {
  return `${quoteQualified(schema, name)}(${argumentTypes.join(', ')})`
}

function identityOf({ kind, schema, name }: Routine): string {
  return `${kind} ${schema}.${name}`
}

/** Only for those who are granted it: what these do, they do as whoever calls them, or more. */
function statementsOf(routine: Routine): readonly string[] {
  const signature = signatureOf(routine)
  return [
    routine.create,
    `revoke all on ${routine.kind} ${signature} from public`,
    `comment on ${routine.kind} ${signature} is ${quoteLiteral(commentOf(routine))}`,
  ]
}

function commentOf({ create, purpose }: Routine): string {
  const digest = createHash('sha256').update(create).digest('hex').slice(0, 12)
  return `${purpose} (pgstrata ${digest})`
}

interface Found {
  readonly schemaThere: boolean
  readonly there: boolean
  readonly comment: string | null
}

/** In the order of the routines. */
async function readFound(on: Queryable, routines: readonly Routine[]): Promise<readonly Found[]> {
  if (routines.length === 0) return []
  const { rows } = await on.query<Found>(sql`
    select exists (select from pg_namespace where nspname = wanted.schema_name) as "schemaThere",
      to_regprocedure(wanted.signature) is not null as there,
      obj_description(to_regprocedure(wanted.signature), 'pg_proc') as comment
    from unnest(${routines.map(signatureOf)}::text[], ${routines.map(({ schema }) => schema)}::text[])
      with ordinality as wanted (signature, schema_name, place)
    order by place`)
  return rows
}
