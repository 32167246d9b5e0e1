// Which tables an answer depends on, as tags: those that the statement names, as the database resolves the names. A view counts
// as what it reads, however deep, and under its own name too; a table with row security as what its policies read besides;
// a partition as its table, which is how the feed of changes tells of it; a materialized view as itself, for it changes
// when it is refreshed. What a function reads that stands in a view or a policy is not known: it has a tag that no feed tells of.
//
// What must be true: names are resolved with the search_path that the statement is sent with. What is remembered is asked for again
// after a minute, so a view that is replaced counts as what it reads by then.
// On failure: a name that the database does not know, or cannot be asked about now, counts as each schema of `schemas`, and is
// asked about again next time.
// Bounds: 1,000 statements.

import type { Clock } from '../base/clock.ts'
import type { Queryable } from '../db/db.ts'
import { findRelations, type NamedRelation } from '../sql/relations.ts'
import { sql } from '../sql/sql.ts'
import { tableTag } from './options.ts'

const rememberMs = 60_000
const mostTexts = 1_000

interface Known {
  readonly tags: readonly string[] | undefined
  readonly untilMs: number
}

interface Resolved {
  /** Its place among the names that were asked about. */
  readonly at: number
  readonly schema: string
  readonly name: string
  /** As in pg_class, or 'function'. */
  readonly kind: string
}

export class Dependencies {
  readonly #ask: Queryable
  readonly #clock: Clock
  readonly #schemas: readonly string[]
  readonly #known = new Map<string, Known>()
  readonly #views = new Set<string>()

  constructor(options: { readonly ask: Queryable; readonly clock: Clock; readonly schemas: readonly string[] }) {
    this.#ask = options.ask
    this.#clock = options.clock
    this.#schemas = options.schemas
  }

  /** After loadParser(). undefined: they cannot be told. */
  async tagsOf(text: string): Promise<readonly string[] | undefined> {
    const nowMs = this.#clock.monotonic()
    const known = this.#known.get(text)
    if (known !== undefined && nowMs < known.untilMs) return known.tags
    const relations = findRelations(text)
    const { tags, isWhole } =
      relations === undefined || relations.length === 0
        ? { tags: relations && [], isWhole: true }
        : await this.#resolve(relations)
    if (isWhole) this.#remember(text, { tags, untilMs: nowMs + rememberMs })
    return tags
  }

  /** Its tables are tags beside it, so that nothing depends on what is said of the view. */
  isView(tag: string): boolean {
    return this.#views.has(tag)
  }

  async #resolve(
    relations: readonly NamedRelation[],
  ): Promise<{ readonly tags: readonly string[]; readonly isWhole: boolean }> {
    const resolved = await readDependencies(this.#ask, relations).catch((): readonly Resolved[] => [])
    const found = new Set(resolved.map(({ at }) => at))
    const unknown = relations.filter((_, index) => !found.has(index))
    const tags = new Set<string>()
    for (const { schema, name, kind } of resolved) {
      const tag = kind === 'function' ? functionTag(schema, name) : tableTag(schema, name)
      tags.add(tag)
      if (kind === 'v' && this.#views.size < mostTexts) this.#views.add(tag)
      else this.#views.delete(tag)
    }
    for (const { schema, name } of unknown) {
      const schemas = schema === undefined ? this.#schemas : [schema]
      for (const one of schemas) tags.add(tableTag(one, name))
    }
    return { tags: [...tags], isWhole: unknown.length === 0 }
  }

  #remember(text: string, known: Known): void {
    this.#known.delete(text)
    const [oldest] = this.#known.keys()
    if (this.#known.size >= mostTexts && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(text, known)
  }
}

/** What it reads cannot be told: no feed tells of it. */
function functionTag(schema: string, name: string): string {
  return `function:${JSON.stringify([schema, name])}`
}

async function readDependencies(on: Queryable, relations: readonly NamedRelation[]): Promise<readonly Resolved[]> {
  const schemas = relations.map(({ schema }) => schema ?? null)
  const names = relations.map(({ name }) => name)
  const { rows } = await on.query<Resolved>(sql`
    with recursive reads as (
      select
        n.at,
        'pg_class'::regclass::oid as kind,
        to_regclass(concat_ws('.', quote_ident(n.schema), quote_ident(n.name)))::oid as id
      from unnest(${schemas}::text[], ${names}::text[]) with ordinality as n (schema, name, at)
      union
      select r.at, d.refclassid, d.refobjid
      from reads r
      join pg_class c
        on c.oid = r.id
        and r.kind = 'pg_class'::regclass
      cross join lateral (
        select 'pg_rewrite'::regclass::oid as kind, w.oid as id
        from pg_rewrite w
        where w.ev_class = c.oid
          and c.relkind = 'v'
        union all
        select 'pg_policy'::regclass, p.oid
        from pg_policy p
        where p.polrelid = c.oid
          and c.relrowsecurity
      ) h
      join pg_depend d
        on d.classid = h.kind
        and d.objid = h.id
        and d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
    )
    select
      r.at::int - 1 as at,
      n.nspname::text as schema,
      c.relname::text as name,
      c.relkind::text as kind
    from reads r
    join pg_class c
      on c.oid = coalesce(pg_partition_root(r.id), r.id)
      and r.kind = 'pg_class'::regclass
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
    union
    select r.at::int - 1, n.nspname::text, p.proname::text, 'function'
    from reads r
    join pg_proc p
      on p.oid = r.id
      and r.kind = 'pg_proc'::regclass
    join pg_namespace n on n.oid = p.pronamespace
    where p.provolatile <> 'i'
      and n.nspname <> 'pg_catalog'
    order by 1, 2, 3`)
  return rows
}
