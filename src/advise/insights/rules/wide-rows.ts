// Everything of every row is fetched.

import { formatSize } from '../../../base/units.ts'
import { count, type InsightRule } from '../insight.ts'

const widthAtLeastBytes = 2_000
const rowsAtLeast = 100

export const wideRows: InsightRule = {
  name: 'wide-rows',
  summary: 'SELECT * of wide rows',
  speaks: 'SELECT * that gives at least 100 rows of 2,000 bytes on average',
  why: 'Large values stand outside of their rows (TOAST): each one asked for is fetched, put together and sent.',
  needsRun: false,
  look: ({ plan: { root, serialization }, statement }) => {
    const rows = root.actual === undefined ? root.planRows : root.actual.rows
    // What stands outside of its row (TOAST) counts little in the planner's width.
    const widthBytes = Math.max(root.planWidthBytes, (serialization?.outputBytes ?? 0) / Math.max(1, rows))
    if (statement?.isStar !== true || rows < rowsAtLeast || widthBytes < widthAtLeastBytes) return []
    return [
      {
        node: root,
        subject: 'SELECT *',
        what: `${count(rows)} rows of about ${formatSize(widthBytes)} are fetched whole`,
        advice: 'Name the columns that are used; an index may then have all of them.',
        saves: 0.5,
      },
    ]
  },
}
