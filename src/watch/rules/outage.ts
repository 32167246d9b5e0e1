// What is done while the database that holds the alerts is away: that a server does not answer is the one alert that cannot wait for it.
//
// What it promises: rules over pgstrata_up are looked at in memory; an alert that fires is told once, by what reaches beyond the database
// (the log, webhooks, functions). When the database is back, it is written with what was done about it, whoever watches then, and goes
// on as any other: its end is seen and told by the next look. What was not delivered, and what needs the database, is due then.
// On failure: a process that ends meanwhile takes with it what it held; whoever watches next begins anew.
// Bounds: rules over pgstrata_up and the servers of a configuration; each action is tried once, within its limit.
// State: the alerts that began since.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { Db, Session } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import type { Latest } from '../model/latest.ts'
import type { Rule } from '../model/rule.ts'
import { noteTold } from './action-store.ts'
import { deletePending, insertAlerts, insertFired, lockOpenAlerts } from './alert-store.ts'
import type { Action } from './actions/action.ts'
import { describeAlert } from './describe.ts'
import { alertKey, type KnownAlerts } from './engine.ts'
import { lookAt, type MeasuredBy, type SeenSeries } from './look.ts'
import { numberOrNull, type AlertFacts, type AlertMessage } from './message.ts'
import { evidenceOf, type AlertRow } from './plan-tick.ts'
import { thresholdOf } from './rule-options.ts'
import { runAction } from './run-action.ts'
import { isSilenced } from './silences.ts'
import { step, type Standing } from './step.ts'

export interface OutageOptions {
  readonly db: Db
  readonly rules: readonly Rule[]
  readonly actions: readonly Action[]
  readonly latest: Latest
  readonly measured: readonly MeasuredBy[]
  readonly clock: Clock
}

const metric = 'pgstrata_up'

interface Held {
  readonly rule: Rule
  readonly row: AlertRow
  readonly isSilenced: boolean
  /** By action, the id of the message. */
  readonly told: ReadonlyMap<string, string>
}

export class Outage {
  readonly #options: OutageOptions
  readonly #rules: readonly Rule[]
  readonly #outside: readonly Action[]
  readonly #held = new Map<string, Held>()
  readonly #stopping = new AbortController()

  constructor(options: OutageOptions) {
    this.#options = options
    this.#rules = options.rules.filter((rule) => rule.metric === metric)
    this.#outside = options.actions.filter(({ reachesOut }) => reachesOut)
  }

  /** Instead of a look that the database did not take. */
  async look({ firing, silences }: KnownAlerts): Promise<void> {
    const { latest, measured, clock } = this.#options
    const nowMs = clock.now()
    const seen = lookAt(latest, measured, nowMs)
    for (const rule of this.#rules) {
      for (const series of seen.seriesFor(rule)) {
        const { node, value = Number.NaN } = series
        const key = alertKey({ rule: rule.name, node, series: series.series })
        const before = this.#held.get(key)
        // That it is over is for the table to say.
        if (firing.has(key) || before?.row.state === 'firing') continue
        const { state, happening } = step(rule, before?.row.standing, { kind: 'value', value }, nowMs)
        if (state === undefined) {
          this.#held.delete(key)
          continue
        }
        const row = rowOf(rule, series, state)
        const quiet = isSilenced(silences, row)
        const told = happening === 'fired' ? await this.#tell(rule, row, quiet) : new Map<string, string>()
        this.#held.set(key, { rule, row, isSilenced: quiet, told })
      }
    }
  }

  /** As soon as the database takes it, whoever watches by now. What only began is for the next look. */
  async write(): Promise<void> {
    const held = [...this.#held.values()].filter(({ row }) => row.state === 'firing')
    if (held.length === 0) return
    const { db, clock } = this.#options
    await transaction(db, (tx) => writeHeld(tx, held, clock.now()), { clock })
    this.#held.clear()
  }

  /** The table is looked at again. */
  end(): void {
    this.#held.clear()
  }

  stop(): void {
    this.#stopping.abort()
  }

  async #tell(rule: Rule, row: AlertRow, quiet: boolean): Promise<ReadonlyMap<string, string>> {
    const { db, clock } = this.#options
    const meant = this.#outside.filter(({ name }) => name === 'log' || (!quiet && rule.actions.includes(name)))
    const told = new Map<string, string>()
    const tell = async (action: Action): Promise<void> => {
      const message: AlertMessage = {
        id: randomUUID(),
        event: 'fired',
        group: rule.group,
        action: action.name,
        at: new Date(clock.now()).toISOString(),
        alerts: [factsOf(rule, row)],
      }
      const outcome = await runAction(action, message, { on: db, clock, stopping: this.#stopping.signal })
      if (outcome.kind === 'done') told.set(action.name, message.id)
    }
    await Promise.all(meant.map(tell))
    return told
  }
}

/** What was pending before gives way to what it became. */
async function writeHeld(tx: Session, held: readonly Held[], nowMs: number): Promise<void> {
  const keys = new Map(held.map((one) => [alertKey(one.row), one]))
  const pending = (await lockOpenAlerts(tx)).filter(
    (one) => one.standing.phase === 'pending' && keys.has(alertKey(one)),
  )
  await deletePending(
    tx,
    pending.map(({ id }) => id),
  )
  const rows = held.map(({ row }) => row)
  const written = (await insertAlerts(tx, rows)).flatMap(({ id, ...of }) => {
    const one = keys.get(alertKey(of))
    return one === undefined ? [] : [{ id, ...one }]
  })
  const fired = written.map(({ id, rule: { group, actions }, isSilenced: quiet }) => ({
    id,
    group,
    actions,
    isSilenced: quiet,
  }))
  await insertFired(tx, fired, { nowMs, dueMs: nowMs })
  await noteTold(
    tx,
    written.flatMap(({ id, told }) => [...told].map(([action, message]) => ({ id, action, message }))),
  )
}

function rowOf(rule: Rule, { node, series, labels, value = Number.NaN }: SeenSeries, standing: Standing): AlertRow {
  return {
    rule: rule.name,
    node,
    series,
    severity: rule.severity,
    state: standing.phase,
    standing,
    summary: describeAlert(rule, { node, labels, value }),
    evidence: evidenceOf(rule, { labels }, standing, undefined),
    resolvedMs: undefined,
  }
}

/** Its number in the table is not known yet. */
function factsOf(rule: Rule, { node, severity, summary, standing, evidence }: AlertRow): AlertFacts {
  const { beganMs, firedMs, value, worst } = standing
  return {
    id: '',
    rule: rule.name,
    severity,
    node,
    metric,
    labels: {},
    value: numberOrNull(value),
    worst: numberOrNull(worst),
    threshold: numberOrNull(thresholdOf(rule)),
    summary,
    beganAt: new Date(beganMs).toISOString(),
    firedAt: firedMs === undefined ? null : new Date(firedMs).toISOString(),
    resolvedAt: null,
    evidence,
  }
}
