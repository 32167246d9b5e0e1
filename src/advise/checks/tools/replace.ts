// An index in whose place a better one would do. The better one is always safe to make; the old one goes only where nothing has
// read it for long enough, because what reads it may need just what the new one lacks: its order, or the rows that it leaves out.

import type { Finding } from '../../model.ts'
import type { IndexSql } from './index-sql.ts'
import { withoutIndex, type FoundIndex } from './indexes.ts'
import { inSentences } from './settings.ts'
import { usualLeastHours, type Unread } from './unread.ts'

export interface Replaced {
  readonly old: FoundIndex
  readonly unread: Unread
  /** Undefined: there is one already, or none is needed. */
  readonly better: IndexSql | undefined
  readonly advice: string
}

export function replaceIndex({
  old,
  unread,
  better,
  advice,
}: Replaced): Pick<Finding, 'fix' | 'undo'> & { readonly advice: string } {
  const drop = withoutIndex(old)
  const made = better ?? { fix: [], undo: [] }
  const isMade = better === undefined || better.fix.length > 0
  const keep = reasonToKeep(unread)
  if (keep === undefined && isMade)
    return {
      fix: [...made.fix, ...drop.fix],
      undo: [...drop.undo, ...made.undo],
      advice: inSentences(advice, made.locks, drop.locks),
    }
  const whenOld = isMade ? dropOnceOld(unread, drop.fix) : undefined
  return { fix: made.fix, undo: made.undo, advice: inSentences(advice, made.locks, isMade ? keep : undefined, whenOld) }
}

/** For who knows how old it is; undefined: that alone would not do. */
export function dropOnceOld(
  { readOn, mayBeOld }: Pick<Unread, 'readOn' | 'mayBeOld'>,
  drop: readonly string[],
): string | undefined {
  if (!mayBeOld || readOn.length > 0) return undefined
  return `If it has been there for longer than ${usualLeastHours / 24} days, better a month: ${drop.join('; ')}`
}

function reasonToKeep({ scans, readOn, days, keep }: Unread): string | undefined {
  if (readOn.length > 0)
    return `${readOn.join(', ')} reads the one that is there: drop it once its idx_scan stands still.`
  if (keep === undefined) return undefined
  if (scans === 0 || (days !== null && days > 0.01)) return keep
  return `The one that is there was read ${scans.toLocaleString('en-US')} times: drop it once its idx_scan stands still.`
}
