// All actions of a process: those that every rule may name, and those that are declared.

import type { Clock } from '../../../base/clock.ts'
import type { Logger } from '../../../base/logger.ts'
import type { Db } from '../../../db/db.ts'
import type { AlertMessage } from '../message.ts'
import type { ActionSettings } from '../options.ts'
import type { Action } from './action.ts'
import { collectLoad, collectScannedTables, collectStatements } from './evidence.ts'
import { createHook } from './hook.ts'
import { investigateReplication } from './investigate-replication.ts'
import { createJobAction, type JobEnd } from './job.ts'
import { createLogAction } from './log.ts'
import { createNotify } from './notify.ts'
import { createReport, type CollectReport } from './report.ts'
import { createScaleReadReplicas } from './scale-read-replicas.ts'
import { createWebhook } from './webhook.ts'

/** What reports are collected with, where the root knows better than the server's statistics do. */
export interface Collectors {
  readonly load?: CollectReport | undefined
  readonly missingIndexes?: CollectReport | undefined
  readonly replication?: CollectReport | undefined
  readonly statements?: CollectReport | undefined
}

export interface ActionsOptions {
  readonly db: Db
  readonly settings: readonly ActionSettings[]
  readonly runJob: (name: string) => Promise<JobEnd>
  readonly collectors?: Collectors | undefined
  /** Told of what goes into the log. */
  readonly onAlert?: ((message: AlertMessage) => void) | undefined
  readonly clock: Clock
  readonly logger: Logger
}

export function createActions({
  db,
  settings,
  runJob,
  collectors = {},
  onAlert,
  clock,
  logger,
}: ActionsOptions): readonly Action[] {
  const scaling = settings.find((one) => one.kind === 'hook' && one.name === 'scale_read_replicas')
  const hook = scaling?.kind === 'hook' ? scaling.run : undefined
  const declared = settings.filter((one) => one !== scaling).map((one) => createDeclared(one, { runJob, clock }))
  const statements = collectors.statements ?? ((message) => collectStatements(db, message))
  return [
    createLogAction(logger, onAlert),
    createReport('log_and_alert', statements),
    createScaleReadReplicas(hook, collectors.load ?? (() => collectLoad(db))),
    createReport('analyze_missing_indexes', async (message, signal) => ({
      ...(await collectScannedTables(db)),
      findings: await collectors.missingIndexes?.(message, signal),
    })),
    createReport('investigate_replication', collectors.replication ?? (() => investigateReplication(db))),
    ...declared,
  ]
}

function createDeclared(one: ActionSettings, { runJob, clock }: Pick<ActionsOptions, 'runJob' | 'clock'>): Action {
  switch (one.kind) {
    case 'webhook':
      return createWebhook(one, clock)
    case 'notify':
      return createNotify(one)
    case 'job':
      return createJobAction(one, runJob)
    case 'hook':
      return createHook(one)
  }
}
