// What is done in each state. A call does a bounded piece: between two calls the runner looks whether it is to stop.

import { checkpoint } from '../../base/clock.ts'
import { messageOf, StrataError } from '../../base/errors.ts'
import { captureStatements } from '../../changes/capture/index.ts'
import { translateError } from '../../db/translate.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { catchUpStep, verifyStep } from './catch-up.ts'
import { copyStep } from './copy.ts'
import { captureStep, extendCopy, prepareStep } from './prepare.ts'
import { isThere, requireSameTable } from './read-table.ts'
import { advance, noteFailure } from './record.ts'
import { checkStep, keyStep, validateStep } from './relabel.ts'
import { inTransaction, refresh, type ConversionRun } from './run-context.ts'
import { runStatements } from './script-steps.ts'
import type { State } from './states.ts'
import { swapStep } from './swap.ts'
import { captureOf } from './sync.ts'

type Step = (run: ConversionRun) => Promise<void>

const steps: Readonly<Record<Exclude<State, 'done' | 'aborted'>, Step>> = {
  keying: keyStep,
  checking: checkStep,
  validating: validateStep,
  preparing: prepareStep,
  capturing: captureStep,
  copying: copyStep,
  filling: fillStep,
  catching: catchUpStep,
  verifying: verifyStep,
  closing: catchUpStep,
  swapping: swapStep,
  settling: settleStep,
  aborting: abortStep,
}

/** Indexes are built on the copy, whole, instead of row by row; and the planner learns what is in it. */
async function fillStep(run: ConversionRun): Promise<void> {
  const { names } = run.record
  await runStatements(run, run.record.scripts.filled)
  await run.session.query(sql`analyze ${sql.ident(names.schema, names.incoming)}`)
  await complete(run)
}

async function settleStep(run: ConversionRun): Promise<void> {
  const { record } = run
  const gone = record.method === 'copy' ? captureStatements(captureOf(record)).remove : []
  await runStatements(run, [...record.scripts.settle, ...gone])
  await complete(run)
}

/** What was put on the table is taken off by the table's name; with the table it went by itself. */
async function abortStep(run: ConversionRun): Promise<void> {
  if (await isThere(run.session, run.record.facts.oid)) await requireSameTable(run.session, run.record)
  await runStatements(run, run.record.undo.toReversed())
  await complete(run)
}

async function complete(run: ConversionRun): Promise<void> {
  await inTransaction(run, {}, (tx) => advance(tx, run.record, 'completed'))
  await refresh(run)
}

export type Ending = 'done' | 'aborted' | 'paused' | 'asked to abort'

/** From where the record says, until it is over or somebody asks to stop. What fails is noted in the record. */
export async function runToTheEnd(run: ConversionRun): Promise<Ending> {
  let announced: State | undefined
  try {
    for (;;) {
      const { state } = run.record
      if (state !== announced) await run.emit({ type: 'state', state })
      announced = state
      // Somebody may have asked for something meanwhile.
      const { request } = await refresh(run)
      if (state === 'done' || state === 'aborted') return state
      checkpoint(run.signal)
      if (request !== 'run' && state !== 'aborting') return request === 'pause' ? 'paused' : 'asked to abort'
      await runStep(run, state)
    }
  } catch (error) {
    checkpoint(run.signal)
    const told = explain(run, error)
    await noteFailure(run.db, run.record.id, messageOf(told)).catch(() => undefined)
    throw told
  }
}

const takesRows: ReadonlySet<State> = new Set(['copying', 'catching', 'verifying', 'closing', 'swapping'])

/** Rows that came after the partitions were laid out get theirs, and the step is done again. */
async function runStep(run: ConversionRun, state: Exclude<State, 'done' | 'aborted'>): Promise<void> {
  if (state !== 'settling' && state !== 'aborting') await requireSameTable(run.session, run.record)
  try {
    await steps[state](run)
  } catch (error) {
    const isOutside =
      run.record.method === 'copy' && takesRows.has(state) && sqlstateOf(error) === sqlstate.checkViolation
    // Once a step: what is outside again right away is told.
    if (!isOutside || !(await extendCopy(run))) throw error
    await refresh(run)
  }
}

function explain(run: ConversionRun, error: unknown): unknown {
  const { names, state } = run.record
  const table = quoteQualified(names.schema, names.table)
  const translated = translateError(error, `${table}, ${state}`)
  if (translated instanceof StrataError) return translated
  const code = sqlstateOf(error)
  if (code === sqlstate.checkViolation) {
    return new StrataError('PARTITION_OUTSIDE', {
      message: `${table}, ${state}: rows were written that no partition of the new table takes`,
      advice:
        'Run `pgstrata convert <table> --abort`, and begin again: partitions reach as far as the rows do then. Or declare `outside: "default"`.',
      cause: error,
    })
  }
  if (code === undefined) return error
  return new StrataError('CONVERT_FAILED', {
    message: `${table}, ${state}: ${publicMessage(error, code)}`,
    details: { sqlstate: code, state },
    cause: error,
  })
}

/** Data exceptions quote a value of a row. */
function publicMessage(error: unknown, code: string): string {
  return code.startsWith('22') ? messageOf(error).replaceAll(/"[^"]*"/g, '"…"') : messageOf(error)
}
