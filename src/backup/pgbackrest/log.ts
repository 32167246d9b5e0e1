// Lines that pgBackRest says, each with those that belong to it, and without the times of a log. Pure.

import type { ToolAnswer } from '../tool.ts'

export interface LogLine {
  readonly level: 'ERROR' | 'WARN' | 'INFO' | 'DETAIL'
  readonly text: string
}

const begun = /^(?:[\d-]+ [\d:.]+ )?(?:P\d+\s+)?(ERROR|WARN|INFO|DETAIL): (.*)$/

export function linesOf({ out, err }: Pick<ToolAnswer, 'out' | 'err'>): readonly LogLine[] {
  const lines: { level: LogLine['level']; text: string }[] = []
  for (const line of `${err}\n${out}`.split('\n')) {
    const [, level, text] = begun.exec(line) ?? []
    const last = lines.at(-1)
    if (text !== undefined) lines.push({ level: level as LogLine['level'], text: text.trim() })
    else if (last !== undefined && /^\s+\S/.test(line)) last.text += ` ${line.trim()}`
  }
  return lines
}
