// A plan, what is to be said of it and the indexes that would serve, as lines for a terminal: coloured only there, and no wider
// than it.

import { renderPlan, type DetailedPlan, type IndexSuggestion, type Insight } from '../advise/index.ts'
import { formatDuration, formatSize } from '../base/units.ts'
import { paint, type CliContext } from './context.ts'

/** Where standard output is a file or a pipe, plans keep their lines whole; sentences are folded. */
const foldedAt = 110
const leastColumns = 40

export interface Explained {
  readonly plan: DetailedPlan
  readonly suggestions: readonly IndexSuggestion[]
}

export function explainLines(context: CliContext, { plan, suggestions }: Explained): readonly string[] {
  const columns = context.screen()?.columns
  const width = columns === undefined ? undefined : Math.max(leastColumns, columns)
  const folded = Math.min(width ?? foldedAt, foldedAt)
  return [
    ...renderPlan(plan, { width, paint: (style, text) => paint(context, style, text) }),
    ...(plan.isGeneric ? ['planned for any values'] : []),
    ...plan.sideEffects.flatMap((effect) => fold(effect, { width: folded, first: 'note: ', rest: '      ' })),
    ...plan.insights.flatMap((insight, index) => insightLines(context, insight, { number: index + 1, width: folded })),
    ...(suggestions.length === 0 ? [] : ['', paint(context, 'bold', 'Indexes that would serve it')]),
    ...suggestions.flatMap((one) => suggestionLines(context, one, folded)),
  ]
}

function insightLines(
  context: CliContext,
  insight: Insight,
  { number, width }: { number: number; width: number },
): readonly string[] {
  const saves =
    insight.savesMs === undefined || insight.savesMs < 0.05
      ? ''
      : ` (up to ${insight.savesMs < 1_000 ? `${insight.savesMs.toFixed(1)} ms` : formatDuration(insight.savesMs)})`
  return [
    '',
    `${paint(context, 'yellow', `${number}. ${insight.rule}`)}${saves}`,
    ...fold(insight.what, { width, first: '   ', rest: '   ' }),
    ...fold(insight.advice, { width, first: '   → ', rest: '     ' }),
    ...insight.fix.map((statement) => `     ${paint(context, 'cyan', `${statement};`)}`),
    ...(insight.undo.length === 0 ? [] : [`     ${paint(context, 'dim', `back: ${insight.undo.join('; ')};`)}`]),
  ]
}

function suggestionLines(context: CliContext, suggestion: IndexSuggestion, width: number): readonly string[] {
  const { ddl, why, costBefore, costAfter, sizeBytes, confidence, notes } = suggestion
  const cost = (value: number): string => Math.round(value).toLocaleString('en-US')
  return [
    '',
    `   ${paint(context, 'cyan', `${ddl};`)}`,
    ...fold(why, { width, first: '   ', rest: '   ' }),
    `   cost ${cost(costBefore)} → ${cost(costAfter)}, about ${formatSize(sizeBytes)}, ${confidence}`,
    ...notes.flatMap((note) => fold(note, { width, first: '   ', rest: '   ' })),
  ]
}

interface Folding {
  readonly width: number
  readonly first: string
  readonly rest: string
}

/** At spaces; a word that is wider than the line keeps one to itself. */
function fold(text: string, { width, first, rest }: Folding): readonly string[] {
  const lines: string[] = []
  let line = first
  let isEmpty = true
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = rest
      isEmpty = true
    }
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  return [...lines, line]
}
