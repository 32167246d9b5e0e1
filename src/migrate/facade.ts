// Migrations as one object: what a program, and the command, can ask. How a run goes is in runner.ts, what is decided in
// plan.ts, how a script survives a kill in ../plan/script.ts.

import { systemClock, type Clock } from '../base/clock.ts'
import { silentLogger, type Logger } from '../base/logger.ts'
import { systemRandom, type Random } from '../base/random.ts'
import type { Db } from '../db/db.ts'
import { readServerFacts } from '../db/server-facts.ts'
import { runBaseline } from './baseline.ts'
import { checkMigrations, requireHarmless, type CheckedMigration } from './check.ts'
import { readMigrations } from './files.ts'
import { createMigration } from './new-file.ts'
import { readPending, type PendingMigration } from './pending.ts'
import type { MigrateOptions } from './options.ts'
import {
  findByName,
  listStatuses,
  planUp,
  type PlanInput,
  type MigrationStatus,
  type PlanDownOptions,
  type PlanUpOptions,
} from './plan.ts'
import { acceptEdit, readRecords, settleInFlight } from './queries.ts'
import type { MigrationEvent } from './run-migration.ts'
import { runDown, runUp, type RunnerTools, type RunReport } from './runner.ts'
import { runShadow, type ShadowReport } from './shadow.ts'
import { verifyMigrations, type VerifyResult } from './verify.ts'
import { StrataError } from '../base/errors.ts'

export interface MigrateTools {
  readonly db: Db
  readonly options: MigrateOptions
  /** Where optional packages are looked for: the project's folder. */
  readonly from: string
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: MigrationEvent) => void) | undefined
}

export interface Migrate {
  status(): Promise<readonly MigrationStatus[]>
  /** What `up` would run, with the locks that it takes; rejects with what stands in its way. */
  pending(options?: PlanUpOptions): Promise<readonly PendingMigration[]>
  up(options?: PlanUpOptions & CallOptions & { readonly lint?: boolean }): Promise<RunReport>
  down(options?: PlanDownOptions & CallOptions): Promise<RunReport>
  /** Up or down, until `name` is the last one applied. */
  to(name: string, options?: CallOptions & { readonly lint?: boolean }): Promise<RunReport>
  /** Findings in pending migrations (`all`: in every one). */
  lint(options?: { readonly all?: boolean; readonly offline?: boolean }): Promise<readonly CheckedMigration[]>
  dryRun(options?: PlanUpOptions): Promise<ShadowReport>
  verify(options?: {
    readonly version?: 15 | 16 | 17 | 18
    readonly onVerified?: (result: VerifyResult) => void
    readonly signal?: AbortSignal
  }): Promise<readonly VerifyResult[]>
  /** Takes an edit of an applied file as meant. */
  accept(name: string): Promise<string>
  /** Says what became of a statement that was interrupted and commits by itself: `done`, or to be run `again`. */
  settle(name: string, verdict: 'done' | 'again'): Promise<string>
  /** The text of a migration as it was applied. */
  show(name: string): Promise<string>
  /** Writes the live schema into a first migration and records it as applied. Only where nothing is recorded yet. */
  baseline(): Promise<string>
  create(title: string, options?: { readonly kind?: 'sql' | 'ts'; readonly text?: string }): Promise<string>
}

export function createMigrate(tools: MigrateTools): Migrate {
  const complete: CompleteTools = {
    ...tools,
    clock: tools.clock ?? systemClock,
    random: tools.random ?? systemRandom,
    logger: tools.logger ?? silentLogger,
  }
  return { ...createRuns(complete), ...createChecks(complete), ...createRecords(complete) }
}

type CompleteTools = Required<MigrateTools>

async function readInput({ db, options }: CompleteTools): Promise<PlanInput> {
  return { files: await readMigrations(options.dir), records: await readRecords(db) }
}

function createRuns(tools: CompleteTools): Pick<Migrate, 'up' | 'down' | 'to'> {
  const { db, options, clock, random } = tools
  const runner = (call: CallOptions): RunnerTools => ({
    db,
    options,
    clock,
    random,
    signal: call.signal,
    onEvent: call.onEvent,
  })

  const up: Migrate['up'] = (call = {}) =>
    runUp(runner(call), call, async (todo, session) => {
      if (call.lint === false || options.lint.gate === 'off') return
      const files = todo.map((planned) => planned.file)
      requireHarmless(await checkMigrations(files, options.lint, session), options.lint)
    })
  const down: Migrate['down'] = (call = {}) => runDown(runner(call), call)

  return {
    up,
    down,
    to: async (name, call = {}) => {
      const target = name === '0' ? undefined : findByName(listStatuses(await readInput(tools)), name)
      const goesDown = target === undefined || target.state === 'applied' || target.state === 'edited'
      return goesDown ? await down({ ...call, to: name }) : await up({ ...call, to: name })
    },
  }
}

function createChecks(tools: CompleteTools): Pick<Migrate, 'lint' | 'dryRun' | 'verify'> {
  const { db, options, from, clock, random, logger } = tools
  return {
    lint: async ({ all = false, offline = false } = {}) => {
      if (offline) return await checkMigrations(await readMigrations(options.dir), options.lint, undefined, false)
      const statuses = listStatuses(await readInput(tools))
      const wanted = statuses.filter((status) => all || status.record === undefined)
      const files = wanted.flatMap(({ file }) => file ?? [])
      return await checkMigrations(files, options.lint, db, !all)
    },
    dryRun: async (planOptions = {}) => {
      const planned = planUp(await readInput(tools), planOptions)
      if (planned.length === 0) return { statements: [], notRebuilt: [], opaque: [] }
      return await runShadow({
        db,
        serverMajor: await readMajor(db),
        planned,
        ladder: options.ladder,
        clock,
        random,
        logger,
        from,
      })
    },
    verify: async ({ version, signal, onVerified } = {}) =>
      await verifyMigrations({
        files: await readMigrations(options.dir),
        version: version ?? (await readMajor(db)),
        from,
        ladder: options.ladder,
        clock,
        random,
        logger,
        signal,
        onVerified,
      }),
  }
}

function createRecords(
  tools: CompleteTools,
): Pick<Migrate, 'status' | 'pending' | 'accept' | 'settle' | 'show' | 'baseline' | 'create'> {
  const { db, options, clock } = tools
  const find = async (name: string): Promise<MigrationStatus> => findByName(listStatuses(await readInput(tools)), name)
  return {
    status: async () => listStatuses(await readInput(tools)),
    pending: async (planOptions = {}) => await readPending(planUp(await readInput(tools), planOptions)),
    accept: async (name) => {
      const { name: found, state, file } = await find(name)
      if (state !== 'edited' || file === undefined) {
        throw new StrataError('MIGRATION_UNKNOWN', {
          message: `${found} was not edited`,
          expected: 'a migration whose state is "edited"',
          got: `"${state}"`,
        })
      }
      await acceptEdit(db, { name: found, checksum: file.checksum, content: file.text })
      return found
    },
    settle: async (name, verdict) => {
      const { name: found } = await find(name)
      if (await settleInFlight(db, found, verdict)) return found
      throw new StrataError('MIGRATION_UNKNOWN', {
        message: `Nothing of ${found} is in flight`,
        expected: 'a migration that was interrupted inside a statement',
      })
    },
    show: async (name) => {
      const { record, file } = await find(name)
      return record?.content ?? file?.text ?? ''
    },
    baseline: () => runBaseline({ db, dir: options.dir, clock }),
    create: (title, { kind = 'sql', text } = {}) => createMigration({ dir: options.dir, title, kind, clock, text }),
  }
}

async function readMajor(db: Db): Promise<15 | 16 | 17 | 18> {
  const { versionNum } = await db.withSession(readServerFacts)
  return Math.max(15, Math.min(18, Math.floor(versionNum / 10_000))) as 15 | 16 | 17 | 18
}
