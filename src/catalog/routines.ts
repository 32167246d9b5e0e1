// Functions and procedures that we keep in a database: made, and made anew where they are not as this package has them.
//
// Each carries a comment that ends in a digest of the statement that made it. What differs by that digest is replaced;
// what differs without it was changed by hand, and is drift, which `apply` asks about. Outside of schema "pgstrata" a
// routine without such a comment is somebody else's: it is never replaced, and that is told. One of ours that is asked for
// no more, or elsewhere, is dropped, unless somebody gave it another body or something depends on it.

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

/** What may be outside of schema "pgstrata" from an earlier apply: a function without arguments. */
export interface PlacedRoutine {
  readonly name: string
  readonly body: string
}

/** In the order given: one that another stands on comes first. */
export async function contributeRoutines(
  on: Queryable,
  routines: readonly Routine[],
  placed: readonly PlacedRoutine[] = [],
): Promise<RoutineContribution> {
  const found = await readFound(on, routines)
  const held = routines.flatMap((routine, index) => findObstacle(routine, found[index]) ?? [])
  const stuck = new Set(held.map(({ what }) => what))
  const makeable = routines.filter((routine) => !stuck.has(identityOf(routine)))
  const stale = makeable.filter((routine) => found[routines.indexOf(routine)]?.comment !== commentOf(routine))
  const made = stale.map((routine) => ({
    title: `Make ${identityOf(routine)}`,
    statements: statementsOf(routine),
    undo: [`drop ${routine.kind} ${signatureOf(routine)}`],
    changes: [identityOf(routine)],
  }))
  return {
    held,
    steps: [...made, ...(await withdraw(on, routines, placed))],
    manages: makeable.map((routine) => ({
      identity: identityOf(routine),
      ref: { kind: routine.kind, schema: routine.schema, name: routine.name },
      restore: statementsOf(routine),
    })),
  }
}

async function withdraw(
  on: Queryable,
  routines: readonly Routine[],
  placed: readonly PlacedRoutine[],
): Promise<RoutineContribution['steps']> {
  const wanted = new Set(routines.map(identityOf))
  const { rows } = await on.query<{ schema: string; name: string; create: string; comment: string }>(sql`
    select n.nspname::text as schema, p.proname::text as name, pg_get_functiondef(p.oid) as create,
      obj_description(p.oid, 'pg_proc') as comment
    from unnest(${placed.map(({ name }) => name)}::text[], ${placed.map(({ body }) => body)}::text[]) as placed (name, body)
    join pg_proc p on p.proname = placed.name and btrim(p.prosrc, E' \\n') = placed.body
    join pg_namespace n on n.oid = p.pronamespace
    where n.nspname <> 'pgstrata'
      and p.pronargs = 0
      and p.prokind = 'f'
      and obj_description(p.oid, 'pg_proc') ~ ${oursText}
      and not exists (
        select
        from pg_depend
        where refclassid = 'pg_proc'::regclass
          and refobjid = p.oid
      )
    order by n.nspname, p.proname`)
  return rows.flatMap(({ schema, name, create, comment }) => {
    const identity = `function ${schema}.${name}`
    if (wanted.has(identity)) return []
    const signature = `${quoteQualified(schema, name)}()`
    return [
      {
        title: `Drop ${identity}, which is asked for no more`,
        statements: [
          `drop function ${signature}`,
          `delete from pgstrata.managed_object where identity = ${quoteLiteral(identity)}`,
        ],
        undo: [create, `comment on function ${signature} is ${quoteLiteral(comment)}`],
        changes: [],
      },
    ]
  })
}

/** Ends the comment of what is ours. */
const oursText = '[(]pgstrata [0-9a-f]{12}[)]$'
const ours = new RegExp(oursText)

function findObstacle(routine: Routine, found: Found | undefined): RoutineContribution['held'][number] | undefined {
  if (routine.schema === 'pgstrata' || found === undefined) return undefined
  const what = identityOf(routine)
  if (!found.schemaThere) {
    return { what, why: `there is no schema ${routine.schema}`, todo: 'create it in a migration, or name another' }
  }
  if (!found.there || ours.test(found.comment ?? '')) return undefined
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
