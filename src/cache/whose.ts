// Whose answers these are: what makes the same statement with the same parameters give something else to somebody else.
//
// What must be true: the role, the search_path and whatever changes how values are written are asked of the server, with the
// settings that statements are sent with, for they may also come from ALTER ROLE or from a pooler. Settings of a route are part of it
// by name and value: a policy may read any of them. A tenant that only the application knows is for the caller to say.
// On failure: undefined; the caller goes on without the cache.

import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export type Identity = Readonly<Record<string, string>>

export type RouteSettings = Readonly<Partial<Record<string, Readonly<Record<string, string | number | boolean>>>>>

/** They change how long a statement takes, and not what it answers. */
const harmless = /_timeout$|_mem$|_cost$|^enable_|^jit|parallel|^effective_|^synchronous_commit$|^log_/

export class Whose {
  readonly #ask: Queryable
  readonly #settings: string
  #known: Promise<Identity | undefined> | undefined

  constructor(ask: Queryable, settings: RouteSettings) {
    this.#ask = ask
    const told = Object.entries(settings).flatMap(([route, values = {}]) =>
      Object.entries(values)
        .filter(([name]) => !harmless.test(name))
        .map(([name, value]) => [route, name, String(value)]),
    )
    this.#settings = JSON.stringify(told)
  }

  /** Asked for once; once more where it failed. */
  async read(): Promise<Identity | undefined> {
    this.#known ??= this.#find()
    const known = await this.#known
    if (known === undefined) this.#known = undefined
    return known
  }

  async #find(): Promise<Identity | undefined> {
    try {
      const { rows } = await this.#ask.query<Record<string, string | null>>(sql`
        select
          session_user::text as "session user",
          current_user::text as "role",
          current_setting('search_path') as "search_path",
          current_setting('row_security') as "row_security",
          current_setting('TimeZone') as "TimeZone",
          current_setting('DateStyle') as "DateStyle",
          current_setting('IntervalStyle') as "IntervalStyle",
          current_setting('bytea_output') as "bytea_output",
          current_setting('extra_float_digits') as "extra_float_digits",
          current_setting('lc_monetary') as "lc_monetary",
          current_setting('lc_time') as "lc_time",
          current_setting('default_text_search_config') as "default_text_search_config"`)
      const [row] = rows
      if (row === undefined) return undefined
      // As one text: it goes into the key of every query.
      return { server: JSON.stringify([row, this.#settings]) }
    } catch {
      return undefined
    }
  }
}
