// Runs a list of statements, one after the other, each with the note that it is done: what a dead runner left inside a
// statement that no transaction holds (CREATE INDEX CONCURRENTLY) is cleared up first, as it is for migrations.

import { explainFailure, classify, resetText, runScript } from '../../plan/index.ts'
import { parseSql } from '../../sql/parse.ts'
import { intentText, progressText } from './record.ts'
import { refresh, type ConversionRun } from './run-context.ts'

/** From where the record says. Waits for locks rung by rung. */
export async function runStatements(run: ConversionRun, statements: readonly string[]): Promise<void> {
  const { record } = run
  for (let index = record.statementsDone; index < statements.length; index++) {
    const text = statements[index] ?? ''
    await run.emit({ type: 'statement', state: record.state, text })
    const parsed = await parseSql(text, { name: record.state })
    const script = await Promise.all(
      parsed.map(async (statement) => ({ statement, placement: await classify(statement) })),
    )
    try {
      await runScript({
        ...run,
        script,
        state: { done: 0, inFlight: index === record.statementsDone ? (record.inFlight ?? undefined) : undefined },
        store: {
          progress: (done) => progressText(record, index + Math.min(1, Math.floor(done / Math.max(1, script.length)))),
          intent: (_done, before) => intentText(record, index, before),
        },
        epilogue: resetText(run.session),
      })
    } catch (error) {
      throw explainFailure(error, {
        code: 'CONVERT_FAILED',
        name: `conversion of ${record.names.table}, ${record.state}`,
        blockers: run.blockers.seen(),
      })
    }
    await run.emit({
      type: 'progress',
      state: record.state,
      done: index + 1,
      total: statements.length,
      unit: 'statements',
      rowsPerSecond: undefined,
      leftMs: undefined,
      note: undefined,
    })
  }
  await refresh(run)
}
