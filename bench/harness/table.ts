// A published result as the rows of a table, and that table for a terminal and for Markdown.

import type { Published, PublishedFigure, PublishedGoal } from './result.ts'
import type { Unit } from './scenario.ts'
import type { Summary } from './statistics.ts'

type Row = readonly [what: string, ours: string, theirs: string, ratio: string, goal: string]

export function formatForTerminal(published: Published): string {
  const rows: readonly Row[] = [[published.title, 'pgstrata', published.against, 'ratio', 'goal'], ...rowsOf(published)]
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return [...lines, describe(published), ...published.notes, ''].join('\n')
}

export function formatForMarkdown(published: Published): string {
  const header = `| | pgstrata | ${published.against} | ratio | goal |`
  const rows = rowsOf(published).map((row) => `| ${row.join(' | ')} |`)
  const notes = published.notes.map((note) => `${note}\n`)
  return [header, '|---|---|---|---|---|', ...rows, '', describe(published), '', ...notes].join('\n').trimEnd()
}

/** Each comparison is a row, and each figure that stands in none. */
function rowsOf(published: Published): Row[] {
  const { comparisons, figures, goals } = published
  const compared = new Set(Object.values(comparisons).flatMap(({ ours, theirs }) => [ours, theirs]))
  const alone = Object.entries(figures).filter(([name]) => !compared.has(name))
  return [
    ...Object.entries(comparisons).map(([name, comparison]): Row => {
      const { title, ours, theirs } = comparison
      return [
        title,
        figureCell(figures[ours]),
        figureCell(figures[theirs]),
        ratioCell(comparison),
        goalCell(goals[name] ?? goals[ours]),
      ]
    }),
    ...alone.map(([name, figure]): Row => [figure.title, figureCell(figure), '', '', goalCell(goals[name])]),
  ]
}

function describe({ postgres, node, cores, runs, date, quick }: Published): string {
  const kind = quick ? ' (a quick run)' : ''
  const conditions = `PostgreSQL ${postgres}, Node ${node}, ${cores} cores, ${date}${kind}`
  return `${conditions}. Medians of ${runs} rounds or more, side by side (lowest–highest); a ratio above 1 says pgstrata is faster.`
}

function figureCell(figure: PublishedFigure | undefined): string {
  if (figure === undefined) return ''
  const { value, low, high, unit } = figure
  const [divisor, name] = shownIn(unit, value)
  const shown = [value, low, high].map((number) => short(number / divisor))
  return `${shown[0]}${name === '' ? '' : ` ${name}`} (${shown[1]}–${shown[2]})`
}

/** A thousand of one is one of the next. */
function shownIn(unit: Unit, value: number): readonly [divisor: number, name: string] {
  if (unit === 'count') return [1, '']
  if (unit === 'percent') return [1, '%']
  if (unit === 'us') return value >= 1_000 ? [1_000, 'ms'] : [1, 'µs']
  return unit === 'ms' && value >= 1_000 ? [1_000, 's'] : [1, unit]
}

function ratioCell({ value, low, high }: Summary): string {
  return `${short(value)}× (${short(low)}–${short(high)})`
}

function goalCell(goal: PublishedGoal | undefined): string {
  return goal === undefined ? '' : `${goal.goal.replace('>=', '≥').replace('<=', '≤')}: ${goal.met ? 'met' : 'not met'}`
}

/** Three significant digits, never as a power of ten. */
function short(value: number): string {
  if (value > 1e-6 && value < 0.1) return String(Number(value.toPrecision(2)))
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toFixed(digits)
}
