// How a setting is changed, where it can be: for the whole server by ALTER SYSTEM, where the role may and the server allows it
// (from 17 on allow_alter_system); else for this database or this role, where the setting's context lets it be set there; else
// not by SQL at all, but where the server's settings are kept. Managed servers give nobody ALTER SYSTEM: the privilege tells.

import type { Queryable } from '../../../db/db.ts'
import { quoteIdent, quoteLiteral } from '../../../sql/quote.ts'
import { sql } from '../../../sql/sql.ts'
import type { Draft } from './define.ts'

export interface SettingChange {
  readonly name: string
  /** As SQL has it after `=`: '64MB' in quotes, on, or a list. */
  readonly value: string
  /** What it is now, as SQL has it; of a list alone, which is no single text. */
  readonly before?: string
}

export interface SettingSql {
  readonly fix: readonly string[]
  readonly undo: readonly string[]
  /** A sentence where SQL is not all of it, or none of it. */
  readonly hint: string | undefined
}

interface Place {
  readonly setting: string
  readonly context: string
  readonly source: string
  /** Written by ALTER SYSTEM before, with that value. */
  readonly isAltered: boolean
  readonly mayAlterSystem: boolean
  readonly isAllowed: boolean
  readonly mayReload: boolean
  readonly maySet: boolean
  readonly ownsDatabase: boolean
  readonly database: string
  readonly role: string
  readonly isReplica: boolean
}

/** What a session can be given. The others count for the whole server alone. */
const ofSessions: ReadonlySet<string> = new Set(['user', 'superuser'])

export async function settingSql(on: Queryable, change: SettingChange): Promise<SettingSql> {
  const { name, value } = change
  const { rows } = await on.query<Place>(sql`
    select s.setting || coalesce(case when s.unit = '8kB' then '' else s.unit end, '') as setting, s.context, s.source,
      coalesce(s.sourcefile like '%postgresql.auto.conf', false) as "isAltered",
      has_parameter_privilege(current_user, s.name, 'alter system') as "mayAlterSystem",
      coalesce(current_setting('allow_alter_system', true), 'on') = 'on' as "isAllowed",
      has_function_privilege('pg_reload_conf()', 'execute') as "mayReload",
      s.context = 'user' or has_parameter_privilege(current_user, s.name, 'set') as "maySet",
      pg_has_role(d.datdba, 'usage') as "ownsDatabase",
      current_database()::text as database, current_user::text as role, pg_is_in_recovery() as "isReplica"
    from pg_settings s
    join pg_database d on d.datname = current_database()
    where s.name = ${name}`)
  const [place] = rows
  if (place === undefined) return { fix: [], undo: [], hint: elsewhere(name, value) }
  return changeAt(place, change)
}

function changeAt(place: Place, change: SettingChange): SettingSql {
  const { name, value } = change
  const setting = change.before ?? quoteLiteral(place.setting)
  const { context, source, database, role } = place
  // A line of the command that starts the server has the last word over all files.
  if (source === 'command line')
    return {
      fix: [],
      undo: [],
      hint: `It stands in the command that starts the server: give ${name} = ${value} there.`,
    }
  const isOfSessions = ofSessions.has(context) && place.maySet && !place.isReplica
  const ofDatabase = `alter database ${quoteIdent(database)}`
  const ofRole = `alter role ${quoteIdent(role)}`
  // What the database or the role says itself hides what the server says.
  if (isOfSessions && source === 'database' && place.ownsDatabase) return changed(ofDatabase, change, setting)
  if (isOfSessions && source === 'user') return changed(ofRole, change, setting)
  if (place.mayAlterSystem && place.isAllowed) {
    const restart = context === 'postmaster'
    const reload = restart || !place.mayReload ? [] : ['select pg_reload_conf()']
    const { fix, undo } = changed('alter system', change, place.isAltered ? setting : undefined)
    return {
      fix: [...fix, ...reload],
      undo: [...undo, ...reload],
      hint: restart
        ? 'It counts from the next restart on.'
        : place.mayReload
          ? undefined
          : 'It counts once the server has read its settings anew (pg_reload_conf(), which this role may not call).',
    }
  }
  if (isOfSessions && place.ownsDatabase)
    return {
      ...changed(ofDatabase, change),
      hint: `It counts for new sessions of database ${database}. ${elsewhere(name, value)}`,
    }
  if (isOfSessions && context === 'user')
    return { ...changed(ofRole, change), hint: `It counts for new sessions of role ${role}. ${elsewhere(name, value)}` }
  return { fix: [], undo: [], hint: elsewhere(name, value) }
}

function changed(alter: string, { name, value }: SettingChange, before?: string): SettingSql {
  return {
    fix: [`${alter} set ${name} = ${value}`],
    undo: [before === undefined ? `${alter} reset ${name}` : `${alter} set ${name} = ${before}`],
    hint: undefined,
  }
}

function elsewhere(name: string, value: string): string {
  return `For the whole server set ${name} = ${value} where its settings are kept, which this role cannot do by SQL: in the provider's parameter group or in postgresql.conf.`
}

/** As a finding has it. */
export function withHint({ fix, undo, hint }: SettingSql): Pick<Draft, 'fix' | 'undo' | 'advice'> {
  return hint === undefined ? { fix, undo } : { fix, undo, advice: hint }
}

/** Sentences that there are, one after the other. */
export function inSentences(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ')
}
