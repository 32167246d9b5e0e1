// What `pgbackrest verify` says → faults. Pure.
//
// Versions differ in whether they fail, and in how loud they are: 2.45 ends well and tells of damage as information. So what counts
// is its status, every line that names damage, and gaps between the ranges of WAL that it read.

import type { BackupFault, BackupRecord } from '../model/record.ts'
import { linesOf, type LogLine } from './log.ts'
import type { ToolAnswer } from '../tool.ts'

/** Of its lines, those about what it read. */
const damage = /\b(?:invalid|missing|mismatch|unable to|duplicate|corrupt)/i
/** Its summary, which repeats them as numbers, and its own command line. */
const others = /^(?:stanza: |verify command )/
const range = /^archiveId: (\S+), wal start: ([0-9A-F]{24}), wal stop: ([0-9A-F]{24})$/

export function parseVerify(answer: ToolAnswer, records: readonly BackupRecord[]): readonly BackupFault[] {
  const lines = linesOf(answer)
  const told = lines.filter(({ level, text }) => level === 'ERROR' || (damage.test(text) && !others.test(text)))
  const faults = [...told.map(({ text }) => text), ...gapsOf(lines, records)].map((what) => ({ what }))
  if (faults.length > 0) return faults
  const isWell = answer.code === 0 && !/^status: error$/m.test(answer.out)
  return isWell ? [] : [{ what: 'pgbackrest verify failed, and did not say why' }]
}

/** Between ranges of one timeline, where a backup from before them needs what is missing. */
function gapsOf(lines: readonly LogLine[], records: readonly BackupRecord[]): readonly string[] {
  const ends = new Map<string, string>()
  const gaps: string[] = []
  for (const { text } of lines) {
    const [, archive = '', start = '', stop = ''] = range.exec(text) ?? []
    if (start === '') continue
    const timeline = `${archive} ${start.slice(0, 8)}`
    const end = ends.get(timeline)
    ends.set(timeline, stop)
    if (end !== undefined && records.some(({ walFrom }) => walFrom !== '' && walFrom <= end))
      gaps.push(`WAL is missing between ${end} and ${start}: nothing can be restored to a moment in it`)
  }
  return gaps
}
