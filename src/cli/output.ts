// How results, progress and errors are shown. With --json standard output carries one JSON document and nothing else.

import { errorTable } from '../base/error-table.ts'
import { messageOf, StrataError } from '../base/errors.ts'
import type { Progress } from '../base/logger.ts'
import { translateError } from '../db/translate.ts'
import { paint, type CliContext, type GlobalOptions } from './context.ts'

export function printJson(context: CliContext, value: unknown): void {
  context.out(
    `${JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner), 2)}\n`,
  )
}

export function printLines(context: CliContext, lines: readonly string[]): void {
  if (lines.length > 0) context.out(`${lines.join('\n')}\n`)
}

/** Columns padded to the widest cell; the last is left as it is. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

/** Shows the error and gives back the exit code. */
export function reportError(context: CliContext, error: unknown, options: GlobalOptions): number {
  const translated = translateError(error)
  const known = translated instanceof StrataError ? translated : undefined
  const shown = known ?? new StrataError('INTERNAL', { message: messageOf(error), cause: error })
  if (options.json === true) printJson(context, { error: shown.toJSON() })
  if (shown.code === 'INTERRUPTED') {
    context.err('\nInterrupted. What was done stays; run the command again to go on.\n')
    return shown.exitCode
  }
  const lines = [
    `${paint(context, 'red', `error ${shown.code}`)} ${shown.message}`,
    ...shown.notes.map((note) => `  ${note}`),
    `  ${paint(context, 'cyan', '→')} ${shown.advice}`,
  ]
  if (options.verbose === true || known === undefined) lines.push(...stackOf(error))
  context.err(`${lines.join('\n')}\n`)
  return errorTable[shown.code].exit
}

function stackOf(error: unknown): string[] {
  return error instanceof Error && error.stack !== undefined ? [error.stack] : []
}

/** A bar on a terminal, a line each tenth elsewhere. */
export function createProgress(context: CliContext): { show: (progress: Progress) => void; clear: () => void } {
  let lastTenth = -1
  let drawn = false
  return {
    show: (progress) => {
      const share = progress.total === undefined ? undefined : Math.min(1, progress.done / Math.max(1, progress.total))
      const note = progress.note === undefined ? '' : ` (${progress.note})`
      const count = `${progress.done.toLocaleString('en-US')} ${progress.unit}`
      const percent = share === undefined ? '' : ` ${Math.floor(share * 100)}%`
      if (context.isTerminal) {
        context.err(`\r\u001B[2K  ${bar(share)} ${progress.label}: ${count}${percent}${note}`)
        drawn = true
        return
      }
      const tenth = Math.floor((share ?? 0) * 10)
      if (tenth === lastTenth) return
      lastTenth = tenth
      context.err(`  ${progress.label}: ${count}${percent}${note}\n`)
    },
    clear: () => {
      if (drawn) context.err('\r\u001B[2K')
      drawn = false
    },
  }
}

const barCells = 24

function bar(share: number | undefined): string {
  const filled = Math.round((share ?? 0) * barCells)
  return `${'█'.repeat(filled)}${'░'.repeat(barCells - filled)}`
}
