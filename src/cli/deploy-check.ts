// Before a deployment: what is to be done, and what stands in the way. Changes nothing. A server that cannot take the work at all
// is refused with its own error; everything else is gathered, so that one look tells all of it.

import { isStrataError, StrataError } from '../base/errors.ts'
import { formatDuration } from '../base/units.ts'
import { schemaExists } from '../catalog/install.ts'
import { describeTarget } from '../db/db.ts'
import { readServerFacts, requireDirect, requireWritable } from '../db/server-facts.ts'
import { describeFinding, stopping, type PendingMigration } from '../migrate/index.ts'
import { readOpenTransactions, type OpenTransaction, type Plan } from '../plan/index.ts'
import type { RollupStatus } from '../rollups/index.ts'
import type { Strata } from '../strata.ts'
import { runProbes } from './probes.ts'

export interface DeployChoices {
  readonly lint: boolean
  readonly allowOutOfOrder: boolean
  readonly accept: readonly string[]
  readonly overwrite: readonly string[]
}

export interface Remark {
  readonly what: string
  readonly why: string
  readonly todo: string
}

export interface DeployCheck {
  readonly server: { readonly target: string; readonly version: string; readonly role: string }
  readonly pending: readonly PendingMigration[]
  /** As it is before migrations: they may make more of it possible. */
  readonly plan: Plan
  /** Rollups that are to be filled already. */
  readonly unfilled: readonly string[]
  readonly warnings: readonly Remark[]
  readonly obstacles: readonly Remark[]
}

/** One that holds what is to be locked is not waited for; one that holds nothing of it is told. */
const longHoldMs = 60_000
const longOpenMs = 5 * 60_000

export async function checkDeploy(strata: Strata, choices: DeployChoices): Promise<DeployCheck> {
  const { db } = strata
  await requireDirect(db)
  const facts = await db.withSession(readServerFacts)
  requireWritable(facts, !(await schemaExists(db)))
  const probed = await askProbes(strata)
  const migrations = await readMigrations(strata, choices)
  const plan = await strata.plan()
  const locks = [...migrations.pending, ...plan.steps].flatMap((one) => one.locks)
  const open = await readOpenTransactions(db, { olderThanMs: longHoldMs, locks })
  const isHolding = ({ holds }: OpenTransaction): boolean => holds.length > 0
  return {
    server: { target: describeTarget(db.target), version: facts.version, role: facts.user },
    pending: migrations.pending,
    plan,
    unfilled: unfilledOf(await strata.rollup.status()),
    warnings: [
      ...probed.warnings,
      ...open.filter((one) => !isHolding(one) && one.ageMs >= longOpenMs).map(describeOpen),
    ],
    obstacles: [
      ...probed.obstacles,
      ...migrations.obstacles,
      ...findDrifted(plan, choices),
      ...open.filter(isHolding).map(describeOpen),
    ],
  }
}

export function unfilledOf(rollups: readonly RollupStatus[]): readonly string[] {
  return rollups.filter(({ state }) => state === 'filling' || state === 'refilling').map(({ name }) => name)
}

/** Refused: one error with all of it. */
export function requireClear({ obstacles }: Pick<DeployCheck, 'obstacles'>): void {
  if (obstacles.length === 0) return
  throw new StrataError('DEPLOY_REFUSED', {
    message: `In the way: ${obstacles.map(({ what }) => what).join(', ')}`,
    notes: obstacles.flatMap(({ what, why, todo }) => [`${what}: ${why}`, `  → ${todo}`]),
    details: { obstacles },
  })
}

type Found = Pick<DeployCheck, 'warnings' | 'obstacles'>

/** Without these nothing can be done; another server that does not answer is told. */
const needed = new Set(['schema pgstrata', 'privileges'])

async function askProbes(strata: Strata): Promise<Found> {
  const isAsked = ({ name }: { readonly name: string }): boolean => name !== 'migrations'
  const answers = await runProbes(strata.probes.filter(isAsked))
  const remarks = answers
    // Not installed yet, or of an older version: that is done on the way.
    .filter(({ name, verdict }) => verdict === 'fail' || (verdict === 'warn' && !needed.has(name)))
    .map(({ name, verdict, found, fix }) => ({
      stops: verdict === 'fail' && needed.has(name),
      remark: { what: name, why: found, todo: fix ?? 'pgstrata doctor says more' },
    }))
  return {
    warnings: remarks.flatMap(({ stops, remark }) => (stops ? [] : [remark])),
    obstacles: remarks.flatMap(({ stops, remark }) => (stops ? [remark] : [])),
  }
}

interface Migrations {
  readonly pending: readonly PendingMigration[]
  readonly obstacles: readonly Remark[]
}

async function readMigrations(
  { migrate, config }: Strata,
  { lint, allowOutOfOrder }: DeployChoices,
): Promise<Migrations> {
  try {
    const pending = await migrate.pending({ allowOutOfOrder })
    if (!lint || config.migrate.lint.gate === 'off' || pending.length === 0) return { pending, obstacles: [] }
    const bad = stopping(await migrate.lint(), config.migrate.lint)
    return {
      pending,
      obstacles: bad.map(({ file, findings }) => ({
        what: `migration ${file}`,
        why: findings.flatMap((finding) => describeFinding(file, finding)).join('\n    '),
        todo: 'follow the safe form, or excuse it in the file; --no-lint skips the check',
      })),
    }
  } catch (error) {
    if (isMissingFolder(error)) return { pending: [], obstacles: [] }
    if (!isStrataError(error) || error.exitCode !== 5) throw error
    return { pending: [], obstacles: [{ what: 'migrations', why: error.message, todo: error.advice }] }
  }
}

/** Whoever has no folder of migrations has none. */
export function isMissingFolder(error: unknown): boolean {
  return isStrataError(error, 'MIGRATION_INVALID') && error.details['missing'] === true
}

function findDrifted({ drift }: Plan, { accept, overwrite }: DeployChoices): readonly Remark[] {
  const decided = [...accept, ...overwrite]
  return [
    ...drift
      .filter(({ kind, holds, identity }) => kind === 'changed' && holds.length > 0 && !decided.includes(identity))
      .map(({ identity, diff }) => ({
        what: identity,
        why: ['it was changed by hand, and a step would touch it', ...diff].join('\n    '),
        todo: `--accept "${identity}" takes the change as it is, --overwrite "${identity}" undoes it`,
      })),
    ...decided
      .filter((name) => !drift.some(({ identity }) => identity === name))
      .map((name) => ({
        what: name,
        why: 'it has not drifted',
        todo: 'name what `pgstrata plan` names, or leave it out',
      })),
  ]
}

function describeOpen({ pid, user, application, state, ageMs, holds }: OpenTransaction): Remark {
  const who = [user, application].filter((part) => part !== null && part !== '').join(', ')
  const since = `open for ${formatDuration(ageMs)}${state === null ? '' : ` (${state})`}`
  const held = holds.length === 0 ? '' : `, and holds what is to be locked: ${holds.join(', ')}`
  return {
    what: `transaction of pid ${pid}${who === '' ? '' : ` (${who})`}`,
    why: `it has been ${since}${held}`,
    todo: `let it end; select pg_terminate_backend(${pid}) ends it`,
  }
}
