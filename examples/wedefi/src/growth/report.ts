// A year that was grown, as a table for people and as one document for programs.

import { questionNames, questionTitles } from './questions.ts'
import { addUp, type Storage } from './storage.ts'
import type { GrownMonth } from './grow.ts'

const widths = [9, 12, 10, 10, 10, ...questionNames.map((name) => Math.max(9, questionTitles[name].length + 2))]

export function headOf(): string {
  const names = ['month', 'rows', 'hot', 'warm', 'cold', ...questionNames.map((name) => questionTitles[name])]
  return lineOf(names)
}

export function rowOf({ month, storage, asked }: GrownMonth): string {
  const { rows, hotBytes, warmBytes, coldBytes } = addUp(Object.values(storage))
  const times = questionNames.map((name) => `${asked[name].medianMs.toFixed(2)} ms`)
  return lineOf([
    month.isWhole ? month.name : `${month.name}…`,
    rows.toLocaleString('en-US'),
    ...[hotBytes, warmBytes, coldBytes].map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`),
    ...times,
  ])
}

function lineOf(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
    .join('')
}

/** What a question takes at the end of the last whole month, beside the end of the first. */
export function ratiosOf(grown: readonly GrownMonth[]): Readonly<Record<string, number>> {
  const whole = grown.filter(({ month }) => month.isWhole)
  const [first, last] = [whole[0], whole.at(-1)]
  if (first === undefined || last === undefined) return {}
  return Object.fromEntries(questionNames.map((name) => [name, last.asked[name].medianMs / first.asked[name].medianMs]))
}

export interface MonthReport {
  readonly month: string
  readonly rows: number
  readonly tables: Readonly<Record<string, Storage>>
  readonly moved: readonly string[]
  readonly questionsMs: Readonly<Record<string, number>>
  readonly loadMs: number
  readonly moveMs: number
}

export function documentOf(grown: readonly GrownMonth[]): readonly MonthReport[] {
  return grown.map(({ month, storage, moved, asked, loadMs, moveMs }) => ({
    month: month.name,
    rows: addUp(Object.values(storage)).rows,
    tables: storage,
    moved: moved.map(({ partition, move }) => `${partition}: ${move}`),
    questionsMs: Object.fromEntries(questionNames.map((name) => [name, asked[name].medianMs])),
    loadMs: Math.round(loadMs),
    moveMs: Math.round(moveMs),
  }))
}
