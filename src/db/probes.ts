// What `doctor` asks a server before anything else: whether it answers, and whether it can carry structural work.

import type { Probe, ProbeResult } from '../base/probe.ts'
import { isStrataError, StrataError } from '../base/errors.ts'
import { sql } from '../sql/sql.ts'
import { describeTarget, type Db } from './db.ts'
import { detectPooler, oldestVersionNum, readServerFacts, requireDirect } from './server-facts.ts'

export function serverProbes(db: Db, role: string): readonly Probe[] {
  const facts = () => db.withSession(readServerFacts)
  return [
    {
      name: `${role}: connection`,
      run: guarded(async () => {
        await facts()
        return { verdict: 'ok', found: describeTarget(db.target) }
      }),
    },
    {
      name: `${role}: version`,
      run: guarded(async () => {
        const { versionNum, version } = await facts()
        if (versionNum < oldestVersionNum)
          return { verdict: 'fail', found: `PostgreSQL ${version}`, fix: 'Upgrade to PostgreSQL 15 or newer.' }
        return { verdict: 'ok', found: `PostgreSQL ${version}` }
      }),
    },
    {
      name: `${role}: takes writes`,
      run: guarded(async () => {
        const { isReplica, isReadOnly } = await facts()
        if (isReplica) return { verdict: 'fail', found: 'a replica', fix: 'Point it at the primary.' }
        if (isReadOnly)
          return {
            verdict: 'fail',
            found: 'transaction_read_only is on',
            fix: 'alter role … reset default_transaction_read_only, or use another role.',
          }
        return { verdict: 'ok', found: 'a primary that takes writes' }
      }),
    },
    {
      name: `${role}: pooler`,
      run: guarded(async () => {
        const kind = await detectPooler(db)
        if (kind === 'transaction') {
          const refusal = await requireDirect(db).then(
            () => undefined,
            (error: unknown) => (error instanceof StrataError ? error : undefined),
          )
          return {
            verdict: 'fail',
            found: 'a pooler in transaction mode',
            fix: refusal?.advice ?? 'Set database.direct.',
          }
        }
        if (kind === 'session')
          return {
            verdict: 'warn',
            found: 'a pooler in session mode',
            fix: 'It works; set database.direct to be independent of it.',
          }
        return { verdict: 'ok', found: 'no pooler in between' }
      }),
    },
  ]
}

interface Setting {
  readonly name: string
  readonly setting: string
}

/** Settings that structural work and later parts lean on. */
export function settingProbes(db: Db): readonly Probe[] {
  return [
    {
      name: 'settings',
      run: guarded(async () => {
        const { rows } = await db.query<Setting>(sql`
          select name, setting
          from pg_settings
          where name in ('wal_level', 'autovacuum', 'track_counts', 'max_connections', 'fsync', 'full_page_writes')`)
        const value = new Map(rows.map((row) => [row.name, row.setting]))
        const wrong = ['autovacuum', 'track_counts', 'fsync', 'full_page_writes'].filter(
          (name) => value.get(name) === 'off',
        )
        if (wrong.length > 0)
          return {
            verdict: 'warn',
            found: `${wrong.join(', ')} off`,
            fix: `Turn them on again: alter system reset ${wrong.join('; alter system reset ')}; then restart.`,
          }
        return {
          verdict: 'ok',
          found: ['wal_level', 'max_connections'].map((name) => `${name} ${value.get(name) ?? '?'}`).join(', '),
        }
      }),
    },
    {
      name: 'extensions',
      run: guarded(async () => {
        const { rows } = await db.query<{ name: string; installed: boolean }>(sql`
          select name::text, installed_version is not null as installed
          from pg_available_extensions
          where name in ('pg_stat_statements', 'hypopg', 'postgis', 'pg_cron', 'hll')
          order by name`)
        const say = (installed: boolean): string =>
          rows
            .filter((row) => row.installed === installed)
            .map((row) => row.name)
            .join(', ') || 'none'
        return { verdict: 'ok', found: `installed: ${say(true)}; available: ${say(false)} (none is required)` }
      }),
    },
  ]
}

/** A probe never throws: what it could not find out is a failure with the reason. */
export function guarded(run: () => Promise<ProbeResult>): () => Promise<ProbeResult> {
  return async () => {
    try {
      return await run()
    } catch (error) {
      if (isStrataError(error)) return { verdict: 'fail', found: error.message, fix: error.advice }
      return { verdict: 'fail', found: error instanceof Error ? error.message : String(error) }
    }
  }
}
