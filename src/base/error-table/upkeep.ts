// Layouts of tables, conversions of live ones, and the jobs that keep them.

import { busy, failed, refused, usage, type ErrorEntry } from './entry.ts'

export type UpkeepErrorCode =
  | 'LAYOUT_DIFFERS'
  | 'LAYOUT_IMPOSSIBLE'
  | 'PARTITION_OUTSIDE'
  | 'PARTITION_LIMIT'
  | 'TABLE_UNKNOWN'
  | 'ROLLUP_IMPOSSIBLE'
  | 'ROLLUP_UNKNOWN'
  | 'ROLLUP_STATE'
  | 'VIEW_UNKNOWN'
  | 'VIEW_FAILED'
  | 'CONVERT_REFUSED'
  | 'CONVERT_BUSY'
  | 'CONVERT_STATE'
  | 'CONVERT_FAILED'
  | 'CONVERT_MISMATCH'
  | 'JOB_UNKNOWN'
  | 'JOB_FAILED'
  | 'JOB_BUSY'
  | 'SCHEMA_OLDER'
  | 'LEASE_LOST'

export const upkeepErrors: Readonly<Record<UpkeepErrorCode, ErrorEntry>> = {
  LAYOUT_DIFFERS: {
    ...refused,
    title: 'A table is laid out in another way than declared.',
    advice: 'Declare it as it is, or convert it; the message names the difference.',
  },
  LAYOUT_IMPOSSIBLE: {
    ...refused,
    title: 'A table cannot be laid out as declared.',
    advice: 'The message says which column or key stands in the way, and what would do.',
  },
  ROLLUP_IMPOSSIBLE: {
    ...refused,
    title: 'A rollup cannot be kept as declared.',
    advice: 'The message says which part of it, and what would do.',
  },
  ROLLUP_UNKNOWN: {
    ...refused,
    title: 'There is no such rollup.',
    advice: 'See which there are with `pgstrata rollup status`.',
  },
  ROLLUP_STATE: {
    ...refused,
    title: 'A rollup is in a state in which that cannot be done.',
    advice: 'See its state with `pgstrata rollup status`.',
  },
  VIEW_UNKNOWN: {
    ...refused,
    title: 'There is no such materialized view.',
    advice: 'See which there are with `pgstrata view status`.',
  },
  VIEW_FAILED: {
    ...failed,
    title: 'A materialized view could not be refreshed.',
    advice: 'It is as it was before; `pgstrata view status` says why.',
  },
  PARTITION_OUTSIDE: {
    ...refused,
    title: 'Rows lie outside of every partition.',
    advice: 'Declare `from` so that partitions begin earlier, or `outside: "default"` for a watched default partition.',
  },
  PARTITION_LIMIT: {
    ...refused,
    title: 'A layout would have too many partitions.',
    advice: 'Choose a coarser grain, or let partitions begin later with `from`.',
  },
  TABLE_UNKNOWN: {
    ...usage,
    title: 'There is no such table in the configuration or in the database.',
    advice: 'See `tables` in the configuration; `pgstrata partitions` lists those under management.',
  },
  CONVERT_REFUSED: {
    ...refused,
    title: 'A table cannot be converted as it is.',
    advice: 'The list says what stands in the way, and the way out of each; `--accept` takes what needs consent.',
  },
  CONVERT_BUSY: {
    ...busy,
    title: 'This table is being converted by another process.',
    advice: 'Watch it with `pgstrata convert <table> --status`.',
  },
  CONVERT_STATE: {
    ...refused,
    title: 'The conversion is not in a state in which this can be done.',
    advice: 'See `pgstrata convert <table> --status`.',
  },
  CONVERT_FAILED: {
    ...failed,
    title: 'A conversion stopped.',
    advice: 'Run `pgstrata convert <table> --resume` when the cause is gone: it goes on where it stopped.',
  },
  CONVERT_MISMATCH: {
    ...failed,
    title: 'The copy of a table does not have the same content.',
    advice: 'Nothing was swapped. Run `pgstrata convert <table> --abort`, and please report it.',
  },
  JOB_UNKNOWN: {
    ...usage,
    title: 'There is no job of that name.',
    advice: 'See `pgstrata jobs`.',
  },
  JOB_FAILED: {
    ...failed,
    title: 'A job failed.',
    advice: 'See `pgstrata jobs history <name>`; its next run comes by itself.',
  },
  JOB_BUSY: {
    ...busy,
    title: 'A job is running already.',
    advice: 'Wait until it has ended: `pgstrata jobs` shows who runs it, and since when.',
  },
  SCHEMA_OLDER: {
    ...refused,
    title: 'Schema "pgstrata" is not installed, or older than this package.',
    advice: 'Run `pgstrata apply`.',
  },
  LEASE_LOST: {
    ...busy,
    title: 'The lease under which a job ran was lost.',
    advice: 'Another process goes on with it.',
  },
}
