// Looks at all rules, again and again, and keeps the table of alerts by what it saw.
//
// What it promises: what it saw, what became of the alerts and what is to be done about them commit together, so that a daemon that
// is killed, or two at once, neither lose an alert nor raise it twice. Nothing is remembered in between: each look begins with what
// the table says. A database that is away ends nothing; the next look goes on from there.
// Bounds: one look at a time, in one transaction of ten statements at most; it waits 5 s for a lock.

import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { Db, Session } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import type { Latest } from '../model/latest.ts'
import type { Rule } from '../model/rule.ts'
import {
  deletePending,
  forgetAlerts,
  insertAlerts,
  insertFired,
  insertResolved,
  lockOpenAlerts,
  updateAlerts,
  type FiredAlert,
} from './alert-store.ts'
import { lookAt, type MeasuredBy } from './look.ts'
import type { AlertSettings } from './options.ts'
import { planTick, type AlertRow, type OpenAlert, type TickPlan } from './plan-tick.ts'
import { isSilenced, readSilences, wakeSilenced, type Silence } from './silences.ts'
import { nameStatements } from './statements.ts'

export interface EngineOptions {
  readonly db: Db
  readonly settings: Pick<AlertSettings, 'rules' | 'groupMs' | 'historyMs'>
  readonly latest: Latest
  /** Which probe reads which metric. */
  readonly measured: readonly MeasuredBy[]
  /** Names of actions that are told of an end as well. */
  readonly hearing: readonly string[]
  /** In the transaction: whether it is still ours to look. Default: it is. */
  readonly confirm?: ((tx: Session) => Promise<boolean>) | undefined
  readonly clock: Clock
  readonly logger: Logger
}

export interface TickReport {
  readonly began: number
  readonly fired: number
  readonly resolved: number
  /** Not begun, for too many are open. */
  readonly leftOut: number
}

/** As the table had it at the last look. */
export interface KnownAlerts {
  /** Their keys. */
  readonly firing: ReadonlySet<string>
  readonly silences: readonly Silence[]
}

const nothing: TickReport = { began: 0, fired: 0, resolved: 0, leftOut: 0 }
const lockTimeoutMs = 5_000
const forgetEveryMs = 3_600_000
const forgetAtOnce = 5_000

export class AlertEngine {
  readonly #options: EngineOptions
  readonly #rules: ReadonlyMap<string, Rule>
  #forgotMs: number | undefined
  #known: KnownAlerts = { firing: new Set(), silences: [] }

  constructor(options: EngineOptions) {
    this.#options = options
    this.#rules = new Map(options.settings.rules.map((rule) => [rule.name, rule]))
  }

  get known(): KnownAlerts {
    return this.#known
  }

  async tick(): Promise<TickReport> {
    const { db, confirm, clock, logger } = this.#options
    const looked = await transaction(
      db,
      async (tx) => ((await confirm?.(tx)) === false ? undefined : await this.#look(tx)),
      { lockTimeoutMs, clock },
    )
    if (looked === undefined) return nothing
    const { report } = looked
    this.#known = looked.known
    if (report.leftOut > 0) logger.warn('Too many alerts are open: some were not begun', { leftOut: report.leftOut })
    await this.#forget()
    return report
  }

  async #look(tx: Session): Promise<{ readonly report: TickReport; readonly known: KnownAlerts }> {
    const { settings, latest, measured, clock } = this.#options
    const nowMs = clock.now()
    const open = await lockOpenAlerts(tx)
    if (open.length > 0) await wakeSilenced(tx, nowMs)
    const planned = planTick({ rules: settings.rules, open, look: lookAt(latest, measured, nowMs), nowMs })
    const plan = await nameStatements(tx, planned, this.#rules)
    const silences = await readSilences(tx, nowMs)
    const report = await this.#write(tx, { plan, silences, nowMs })
    return { report, known: { firing: firingAfter(open, plan), silences } }
  }

  async #write(tx: Session, { plan, silences, nowMs }: Looked): Promise<TickReport> {
    const { settings, hearing } = this.#options
    await deletePending(tx, plan.dropped)
    await updateAlerts(tx, plan.changed)
    const ids = new Map(
      (await insertAlerts(tx, plan.begun)).map(({ id, rule, node, series }) => [alertKey({ rule, node, series }), id]),
    )
    const begun = plan.begun.flatMap((row) => {
      const id = ids.get(alertKey(row))
      return id === undefined ? [] : [{ id, row }]
    })
    const fired = [
      ...begun.filter(({ row }) => row.state === 'firing'),
      ...plan.changed.filter(({ event }) => event === 'fired'),
    ]
    const resolved = plan.changed.filter(({ event }) => event === 'resolved')
    if (fired.length + resolved.length > 0) {
      const when = { nowMs, dueMs: nowMs + settings.groupMs }
      await insertFired(
        tx,
        fired.map((alert) => this.#tell(alert, silences)),
        when,
      )
      await insertResolved(
        tx,
        resolved.map((alert) => this.#tell(alert, silences)),
        { ...when, hearing },
      )
    }
    return { began: begun.length, fired: fired.length, resolved: resolved.length, leftOut: plan.leftOut }
  }

  #tell({ id, row }: { readonly id: string; readonly row: AlertRow }, silences: readonly Silence[]): FiredAlert {
    const rule = this.#rules.get(row.rule)
    return { id, isSilenced: isSilenced(silences, row), group: rule?.group ?? row.rule, actions: rule?.actions ?? [] }
  }

  /** Once an hour, after the look: it is in nobody's way, and what it does not get to stays for the next time. */
  async #forget(): Promise<void> {
    const { db, settings, clock } = this.#options
    const nowMs = clock.now()
    if (this.#forgotMs !== undefined && nowMs - this.#forgotMs < forgetEveryMs) return
    this.#forgotMs = nowMs
    await forgetAlerts(db, nowMs - settings.historyMs, forgetAtOnce)
  }
}

interface Looked {
  readonly plan: TickPlan
  readonly silences: readonly Silence[]
  readonly nowMs: number
}

function firingAfter(open: readonly OpenAlert[], { begun, changed }: TickPlan): ReadonlySet<string> {
  const states = new Map(open.map((alert) => [alertKey(alert), alert.standing.phase as AlertRow['state']]))
  for (const row of [...begun, ...changed.map((one) => one.row)]) states.set(alertKey(row), row.state)
  return new Set([...states].flatMap(([key, state]) => (state === 'firing' ? [key] : [])))
}

export function alertKey({ rule, node, series }: Pick<AlertRow, 'rule' | 'node' | 'series'>): string {
  return JSON.stringify([rule, node, series])
}
