// Cuts the text of a .sql migration into its up and its down part. The markers are comments alone on their line,
// `-- up` and `-- down`; without any, all is up. Markers are found by the server's lexer, so one inside a string or
// a function body is not a marker. Both parts keep their line numbers.

import { StrataError } from '../base/errors.ts'
import { parseSql, scanComments } from '../sql/parse.ts'

export interface Section {
  readonly text: string
  /** 1-based line of the file on which the text begins. */
  readonly firstLine: number
}

export interface Sections {
  readonly up: Section
  readonly down: Section | undefined
}

const marker = /^--\s*(up|down)\s*$/i
/** Markers of other tools, and ours misspelt: taken for plain comments, both parts would run as one. */
const nearMarker = /^--\s*(\+goose\s+|migrate:\s*|@)?(up|down)\b(\s+migration\b.*)?\s*$/i

const mayBeMarked = /^\s*--.*\b(up|down)\b/im

export async function cutSections(text: string, file: string): Promise<Sections> {
  const comments = mayBeMarked.test(text) ? await scanComments(text, { name: file }) : []
  const stray = comments.find(
    ({ alone, text: comment }) => alone && !marker.test(comment.trim()) && nearMarker.test(comment.trim()),
  )
  if (stray !== undefined) {
    throw new StrataError('MIGRATION_INVALID', {
      message: `${file}:${stray.line}: this looks like the marker of a part`,
      expected: '`-- up` or `-- down`, alone on its line',
      got: JSON.stringify(stray.text),
    })
  }
  const markers = comments.flatMap((comment) => {
    const side = comment.alone ? marker.exec(comment.text.trim())?.[1]?.toLowerCase() : undefined
    return side === undefined ? [] : [{ side, line: comment.line }]
  })
  const [first, second] = markers
  if (markers.length > 2 || (first !== undefined && first.side === second?.side) || second?.side === 'up') {
    throw new StrataError('MIGRATION_INVALID', {
      message: `${file}: the parts are marked wrongly`,
      expected: 'at most one line `-- up`, followed by at most one line `-- down`',
      got: markers.map((found) => `\`-- ${found.side}\` on line ${found.line}`).join(', '),
    })
  }
  const lines = text.split('\n')
  const down = markers.find((found) => found.side === 'down')
  const between = (from: number, to: number): Section => ({
    text: lines.slice(from, to).join('\n'),
    firstLine: from + 1,
  })
  const upStart = first?.side === 'up' ? first.line : 0
  const before = lines.slice(0, upStart).filter((line) => line.trim() !== '' && !line.trim().startsWith('--'))
  if (before.length > 0 && (await parseSql(lines.slice(0, upStart).join('\n'), { name: file })).length > 0) {
    throw new StrataError('MIGRATION_INVALID', {
      message: `${file}: there are statements before \`-- up\`, which belong to neither part`,
      advice: 'Move `-- up` above them.',
    })
  }
  return {
    up: between(upStart, down === undefined ? lines.length : down.line - 1),
    down: down === undefined ? undefined : between(down.line, lines.length),
  }
}
