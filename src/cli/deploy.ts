// A deployment: migrations, plan, rollups that are to be filled, and the plan once more for what waited for those.
//
// What holds: nothing is changed before the check is clear. Each part goes on where a killed one stopped, so the whole does; on a
// database that is as declared it does nothing. On failure what was done stays, and the same command goes on.

import type { Clock } from '../base/clock.ts'
import { checkpoint, systemClock } from '../base/clock.ts'
import type { Drift, Held } from '../plan/index.ts'
import type { TableStatus } from '../partitions/index.ts'
import type { RollupStatus } from '../rollups/index.ts'
import type { Strata } from '../strata.ts'
import type { ViewStatus } from '../views/index.ts'
import { describeEvent } from './apply-events.ts'
import type { CliContext } from './context.ts'
import { isMissingFolder, unfilledOf, type DeployChoices } from './deploy-check.ts'
import { fillShown } from './fill.ts'
import { createEventPrinter } from './migration-events.ts'
import { readStatuses } from './migration-statuses.ts'

export interface DeployOptions extends DeployChoices {
  /** False: `pgstrata serve` fills. */
  readonly fill: boolean
}

export interface Done {
  readonly migrations: readonly string[]
  readonly steps: readonly string[]
  readonly filled: readonly { readonly name: string; readonly tookMs: number }[]
  readonly accepted: readonly string[]
  readonly overwritten: readonly string[]
  readonly migrateMs: number
  readonly applyMs: number
}

export interface After {
  readonly tables: readonly TableStatus[]
  readonly rollups: readonly RollupStatus[]
  readonly views: readonly ViewStatus[]
  readonly held: readonly Held[]
  readonly drift: readonly Drift[]
  readonly pending: readonly string[]
}

/** Filled ones may take the place of others, whose views then come: more than that has not been seen to be needed. */
const mostRounds = 4

export async function deploy(context: CliContext, strata: Strata, options: DeployOptions): Promise<Done> {
  const clock = systemClock
  const begunMs = clock.monotonic()
  const migrations = await migrate(context, strata, options)
  const migrateMs = clock.monotonic() - begunMs
  const { accept, overwrite } = options
  const steps: string[] = []
  const filled: { name: string; tookMs: number }[] = []
  let applyMs = 0
  let decided = { accepted: [] as readonly string[], overwritten: [] as readonly string[] }
  for (let round = 1; round <= mostRounds; round++) {
    checkpoint(context.signal)
    const startMs = clock.monotonic()
    const report = await strata.apply({
      ...(round === 1 ? { accept, overwrite } : {}),
      signal: context.signal,
      onEvent: (event) => context.err(describeEvent(event)),
    })
    applyMs += clock.monotonic() - startMs
    steps.push(...report.applied.map(({ title }) => title))
    if (round === 1) decided = report
    const more = options.fill ? await fillAll(context, strata, clock) : []
    filled.push(...more)
    if (more.length === 0) break
  }
  const { accepted, overwritten } = decided
  return { migrations, steps, filled, accepted, overwritten, migrateMs, applyMs }
}

async function migrate(
  context: CliContext,
  strata: Strata,
  { lint, allowOutOfOrder }: DeployOptions,
): Promise<readonly string[]> {
  try {
    const onEvent = createEventPrinter(context)
    const report = await strata.migrate.up({ lint, allowOutOfOrder, signal: context.signal, onEvent })
    return report.ran.map(({ name }) => name)
  } catch (error) {
    if (isMissingFolder(error)) return []
    throw error
  }
}

async function fillAll(context: CliContext, strata: Strata, clock: Clock): Promise<Done['filled']> {
  const filled: { name: string; tookMs: number }[] = []
  for (const name of unfilledOf(await strata.rollup.status())) {
    checkpoint(context.signal)
    const startMs = clock.monotonic()
    await fillShown(context, strata.rollup, name)
    filled.push({ name, tookMs: clock.monotonic() - startMs })
  }
  return filled
}

export async function readAfter(strata: Strata): Promise<After> {
  const { held, drift } = await strata.plan()
  const statuses = await readStatuses(strata)
  return {
    tables: await strata.partitions.status(),
    rollups: await strata.rollup.status(),
    views: await strata.views.status(),
    held,
    drift,
    pending: statuses.filter(({ state }) => state !== 'applied').map(({ name }) => name),
  }
}

/** Something that a person has to see to; what only waits for `pgstrata serve` to fill is none where that was asked for. */
export function needsSomebody({ held, drift, pending }: After, { fill }: Pick<DeployOptions, 'fill'>): boolean {
  return drift.length + pending.length > 0 || held.some(({ waits }) => fill || waits !== true)
}
