// A readable difference of two texts, line by line (longest common subsequence). Used where a migration was
// edited, where an object drifted and where up-down-up does not come back.
// Bound: past `maxCells` of the table the texts are compared by their common head and tail alone.

const maxCells = 4_000_000

export interface LineDiffOptions {
  /** Unchanged lines shown around each change. */
  readonly context?: number
  /** Lines returned at the most. */
  readonly most?: number
}

/** Lines prefixed with '- ' (only in before), '+ ' (only in after) and '  ' (both); empty where the texts are equal. */
export function diffLines(before: string, after: string, options: LineDiffOptions = {}): string[] {
  const { context = 2, most = 80 } = options
  if (before === after) return []
  const marked = markLines(before.split('\n'), after.split('\n'))
  const shown = keepContext(marked, context)
  return shown.length > most ? [...shown.slice(0, most), `… ${shown.length - most} more lines`] : shown
}

function markLines(before: readonly string[], after: readonly string[]): string[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head++
  let tail = 0
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  ) {
    tail++
  }
  const middle = diffMiddle(before.slice(head, before.length - tail), after.slice(head, after.length - tail))
  const same = (line: string): string => `  ${line}`
  return [...before.slice(0, head).map(same), ...middle, ...before.slice(before.length - tail).map(same)]
}

function diffMiddle(before: readonly string[], after: readonly string[]): string[] {
  const removed = (line: string): string => `- ${line}`
  const added = (line: string): string => `+ ${line}`
  if (before.length * after.length > maxCells) return [...before.map(removed), ...after.map(added)]
  const width = after.length + 1
  const longest = new Uint32Array((before.length + 1) * width)
  const at = (row: number, column: number): number => longest[row * width + column] ?? 0
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      longest[row * width + column] =
        before[row] === after[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1))
    }
  }
  const lines: string[] = []
  let row = 0
  let column = 0
  while (row < before.length || column < after.length) {
    if (row < before.length && column < after.length && before[row] === after[column]) {
      lines.push(`  ${before[row++] ?? ''}`)
      column++
    } else if (column >= after.length || (row < before.length && at(row + 1, column) >= at(row, column + 1))) {
      lines.push(removed(before[row++] ?? ''))
    } else {
      lines.push(added(after[column++] ?? ''))
    }
  }
  return lines
}

function keepContext(marked: readonly string[], context: number): string[] {
  const near = new Uint8Array(marked.length)
  marked.forEach((line, index) => {
    if (line.startsWith('  ')) return
    near.fill(1, Math.max(0, index - context), Math.min(marked.length, index + context + 1))
  })
  const shown: string[] = []
  marked.forEach((line, index) => {
    if (near[index] === 1) shown.push(line)
    else if (near[index - 1] === 1) shown.push('  …')
  })
  if (shown.at(-1) === '  …') shown.pop()
  return shown
}
