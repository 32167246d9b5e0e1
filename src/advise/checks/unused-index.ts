// Indexes that nothing has read, on any server, since the statistics were reset there. Never one that a key, a constraint, a
// foreign key's checks or replication needs. How long has been counted stands in the evidence: a month-end report reads once a
// month, so under 30 days it is only a note, and under 7 nothing is proposed.

import { sql, type Sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, type Draft } from './tools/define.ts'
import {
  foundIndex,
  indexBytes,
  indexJoins,
  indexScans,
  isExpendable,
  servesForeignKey,
  withoutIndex,
  type FoundIndex,
} from './tools/indexes.ts'
import { countedSince, leavesOf, usersOwn } from './tools/relations.ts'
import { dropOnceOld } from './tools/replace.ts'
import { inSentences } from './tools/settings.ts'
import { readUnread, usualLeastHours, type Unread } from './tools/unread.ts'

interface Unused extends FoundIndex {
  readonly oid: number
  readonly since: string | null
  readonly writes: number
  readonly isOfExpression: boolean
}

/** A month of work, month-end included. */
const enoughDays = 30

export const unusedIndex: Check = defineCheck({
  name: 'unused-index',
  category: 'indexes',
  question: 'Is there an index that nothing uses?',
  why: 'Each write keeps it, vacuum goes through it, and it takes place in memory and backups.',
  threshold: `note, warn after ${enoughDays} days of counting, from 10 MB`,
  mends: `drops it, CONCURRENTLY, after ${usualLeastHours / 24} days that it is proven to be there, counted on every server that could read it; else advice`,
  limits: { warn: enoughDays, critical: Infinity, least: 10_485_760, leastHours: usualLeastHours },
  find: async (tools) => {
    const found = new Map<string, Unused>()
    const drafts = await findEach<Unused>(tools.on, unusedIndexes(tools.limits.least), (row) => {
      const { subject } = withoutIndex(row)
      found.set(subject, row)
      return { gravity: 'note', subject, what: '', evidence: {} }
    })
    if (drafts.length === 0) return drafts
    const unreadOf = await readUnread(
      tools,
      [...found.values()].map(({ oid }) => oid),
    )
    return drafts.flatMap(({ subject, evidence }) => {
      const row = found.get(subject)
      const unread = row === undefined ? undefined : unreadOf(row.oid)
      if (row === undefined || unread === undefined || unread.readOn.length > 0) return []
      const said = sayUnused(row, unread, tools.limits.warn)
      return [{ ...said, evidence: { ...said.evidence, ...evidence } }]
    })
  },
})

function unusedIndexes(least: number): Sql {
  return sql`
        with unread as materialized (
          select c.oid
          from ${indexJoins}
          where ${usersOwn}
            and i.indisvalid
            and not c.relispartition
            and t.relkind in ('r', 'p', 'm')
            and ${indexScans} = 0
            and ${isExpendable}
            and not ${servesForeignKey}
        ), large as materialized (
          select c.oid
          from unread
          join pg_class c on c.oid = unread.oid
          where ${indexBytes} >= ${least}::float8
        )
        select ${foundIndex}, c.oid::int8::float8 as oid, ${countedSince} as since, i.indexprs is not null as "isOfExpression",
          (
            select coalesce(sum(pg_stat_get_tuples_inserted(p.relid) + pg_stat_get_tuples_updated(p.relid)), 0)
            from ${leavesOf(sql`t`)} p
          )::float8 as writes
        from ${indexJoins}
        where c.oid in (select large.oid from large)
        order by "sizeBytes" desc`
}

function sayUnused(row: Unused, unread: Unread, fromDays: number): Draft {
  const { subject, shown, fix, undo, locks } = withoutIndex(row)
  const { since, sizeBytes, writes, definition } = row
  const { days, keep } = unread
  const isSure = keep === undefined && days !== null && days >= fromDays
  const statistics = row.isOfExpression
    ? 'The planner also takes statistics of its expression from it: CREATE STATISTICS on the expression keeps them.'
    : undefined
  const advice = inSentences(keep, keep === undefined ? locks : undefined, statistics, dropOnceOld(unread, fix))
  return {
    gravity: isSure ? 'warn' : 'note',
    subject,
    what: `Nothing has used index ${shown} ${since === null ? 'as far back as the server counts' : `since ${since}`}`,
    evidence: { sizeBytes, since, ...(days === null ? {} : { days }), writes, definition, ...unread.evidence },
    ...(keep === undefined ? { fix, undo } : {}),
    ...(advice === '' ? {} : { advice }),
  }
}
