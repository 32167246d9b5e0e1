// Severity follows what would happen on the live table, not the statement alone. docs/lint.md explains the same numbers.
//
//   rewrite, scans   estimated time = size ÷ throughput:  < 250 ms note · < 3 s warning · else error
//                    queued = estimated time × blocked statements per second:
//                    ≥ 100 queued makes a note a warning; < 1 queued and < 60 s takes one step off
//   lock-brief       note; warning from 100 statements a second on
//   breaks-clients   nobody uses the table: note · somebody does: warning · ≥ 1 statement a second: error
//   data-loss        empty: note · unused: warning · else error
//   fails            error
//   style            note
//
// Without facts the worst plausible is assumed: error, but warning for lock-brief and breaks-clients.

import { formatDuration, formatSize } from '../../base/units.ts'
import type { Harm, Severity, TableFacts } from './types.ts'

export interface Judgement {
  readonly severity: Severity
  readonly scale?: string
}

/** Bytes per second: heap, WAL and indexes written anew; heap read and an expression evaluated. Cautious for network disks. */
const rewriteBytesPerSecond = 50 * 1024 ** 2
const scanBytesPerSecond = 250 * 1024 ** 2

const steps: readonly Severity[] = ['note', 'warning', 'error']

const withoutFacts: Readonly<Record<Harm, Severity>> = {
  rewrite: 'error',
  'scan-blocking-all': 'error',
  'scan-blocking-writes': 'error',
  'lock-brief': 'warning',
  'breaks-clients': 'warning',
  'data-loss': 'error',
  fails: 'error',
  style: 'note',
}

export function judge(harm: Harm, facts: TableFacts | undefined): Judgement {
  if (facts === undefined || harm === 'fails' || harm === 'style') return { severity: withoutFacts[harm] }
  const traffic = facts.writesPerSecond + facts.readsPerSecond
  const use = describeUse(facts)
  switch (harm) {
    case 'lock-brief':
      return { severity: traffic >= 100 ? 'warning' : 'note', scale: use }
    case 'breaks-clients':
      return { severity: traffic >= 1 ? 'error' : traffic > 0 ? 'warning' : 'note', scale: use }
    case 'data-loss':
      return { severity: facts.sizeBytes === 0 ? 'note' : traffic > 0 ? 'error' : 'warning', scale: use }
    case 'rewrite':
      return judgeTime(facts.sizeBytes / rewriteBytesPerSecond, traffic, use)
    case 'scan-blocking-all':
      return judgeTime(facts.sizeBytes / scanBytesPerSecond, traffic, use)
    case 'scan-blocking-writes':
      return judgeTime(facts.sizeBytes / scanBytesPerSecond, facts.writesPerSecond, use)
  }
}

function judgeTime(estimatedSeconds: number, blockedPerSecond: number, use: string): Judgement {
  const queued = estimatedSeconds * blockedPerSecond
  let step = estimatedSeconds < 0.25 ? 0 : estimatedSeconds < 3 ? 1 : 2
  if (step === 0 && queued >= 100) step = 1
  else if (queued < 1 && estimatedSeconds < 60) step = Math.max(0, step - 1)
  return { severity: steps[step] ?? 'error', scale: `${use}: about ${formatDuration(estimatedSeconds * 1_000)}` }
}

function describeUse(facts: TableFacts): string {
  const rate = (perSecond: number): string => (perSecond >= 10 ? `${Math.round(perSecond)}` : perSecond.toFixed(1))
  return `${formatSize(facts.sizeBytes)}, ${rate(facts.writesPerSecond)} writes/s, ${rate(facts.readsPerSecond)} reads/s`
}
