// To turn the answer into text takes long, or there is much of it.

import { formatSize } from '../../../base/units.ts'
import { milliseconds, type InsightRule } from '../insight.ts'

const share = 0.1
const atLeastMs = 5
const muchBytes = 10 * 1_024 ** 2
/** So little takes long only because the machine did something else. */
const fewBytes = 100 * 1_024

export const serialization: InsightRule = {
  name: 'serialization',
  summary: 'The answer itself is large',
  speaks:
    'since PostgreSQL 17: an answer of 10 MB, or one of 100 kB whose conversion takes more than a tenth of the run and 5 ms',
  why: 'Every value is fetched, converted and sent; what is not needed costs as much as what is.',
  needsRun: true,
  look: ({ plan: { serialization: made, executionMs = 0 } }) => {
    if (made === undefined) return []
    const slow = made.outputBytes >= fewBytes && made.timeMs >= atLeastMs && made.timeMs > share * executionMs
    if (!slow && made.outputBytes < muchBytes) return []
    return [
      {
        subject: 'answer',
        what: `${formatSize(made.outputBytes)} were converted to be sent, which took ${milliseconds(made.timeMs)}`,
        advice: 'Name only the columns that are used, page through the rows, or add up on the server.',
        savesMs: made.timeMs * 0.5,
      },
    ]
  },
}
