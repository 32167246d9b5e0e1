// Indexes that nothing has read, on any server, since the statistics were reset there. Never one that a key, a constraint, a
// foreign key's checks or replication needs. How long has been counted stands in the evidence: a month-end report reads once a
// month, so under 30 days it is only a note.

import { sql, type Sql } from '../../sql/sql.ts'
import type { OtherNode, Check } from '../model.ts'
import { defineCheck, findEach, type Draft } from './tools/define.ts'
import { foundIndex, indexJoins, isExpendable, withoutIndex, type FoundIndex } from './tools/indexes.ts'
import { countedSince, leavesOf, usersOwn } from './tools/relations.ts'

interface Unused extends FoundIndex {
  readonly oid: number
  readonly since: string | null
  readonly days: number | null
  readonly writes: number
}

/** A month of work, month-end included. */
const enoughDays = 30

export const unusedIndex: Check = defineCheck({
  name: 'unused-index',
  category: 'indexes',
  question: 'Is there an index that nothing uses?',
  why: 'Each write keeps it, vacuum goes through it, and it takes place in memory and backups.',
  threshold: `note, warn after ${enoughDays} days of counting, from 10 MB`,
  mends: 'drops it, CONCURRENTLY',
  limits: { warn: enoughDays, critical: Infinity, least: 10_485_760 },
  find: async ({ on, others, limits }) => {
    const found = new Map<string, Unused>()
    const drafts = await findEach<Unused>(on, unusedIndexes(limits.least), (row) => {
      found.set(withoutIndex(row).subject, row)
      return sayUnused(row, limits.warn)
    })
    if (drafts.length === 0) return drafts
    const elsewhere = await readElsewhere(
      others,
      [...found.values()].map(({ oid }) => oid),
    )
    return drafts.flatMap((draft) => {
      const oid = found.get(draft.subject)?.oid ?? 0
      return elsewhere.used.has(oid) ? [] : [withNodes(draft, elsewhere)]
    })
  },
})

function unusedIndexes(least: number): Sql {
  return sql`
        with counted as (
          select ${foundIndex}, c.oid::int8::float8 as oid, ${countedSince} as since,
            (
              select extract(epoch from clock_timestamp() - d.stats_reset) / 86400
              from pg_stat_database d
              where d.datname = current_database()
            )::float8 as days,
            (
              select coalesce(sum(pg_stat_get_numscans(p.relid)), 0)
              from ${leavesOf(sql`c`)} p
            ) as scans,
            (
              select coalesce(sum(pg_stat_get_tuples_inserted(p.relid) + pg_stat_get_tuples_updated(p.relid)), 0)
              from ${leavesOf(sql`t`)} p
            )::float8 as writes
          from ${indexJoins}
          where ${usersOwn}
            and i.indisvalid
            and not c.relispartition
            and t.relkind in ('r', 'p', 'm')
            and ${isExpendable}
            -- Deleting or changing a key looks up who refers to it: rare, and slow without.
            and not exists (
              select
              from pg_constraint k
              where k.contype = 'f'
                and k.conrelid = i.indrelid
                and k.conkey @> (i.indkey::int2[])[0:cardinality(k.conkey) - 1]
                and cardinality(k.conkey) <= i.indnkeyatts
            )
        )
        select schema, index, "table", "tableSchema", definition, "isPartitioned", "sizeBytes", oid, since, days, writes
        from counted
        where scans = 0
          and "sizeBytes" >= ${least}::float8
        order by "sizeBytes" desc`
}

function sayUnused(row: Unused, fromDays: number): Draft {
  const { subject, shown, fix, undo } = withoutIndex(row)
  const { days, since, sizeBytes, writes, definition } = row
  return {
    gravity: days !== null && days >= fromDays ? 'warn' : 'note',
    subject,
    what: `Nothing has used index ${shown} ${since === null ? 'as far back as the server counts' : `since ${since}`}`,
    evidence: { sizeBytes, since, days, writes, definition },
    fix,
    undo,
  }
}

interface Elsewhere {
  readonly used: ReadonlySet<number>
  readonly asked: readonly string[]
  readonly silent: readonly string[]
}

/** Replicas have the same oids, and count for themselves. */
async function readElsewhere(others: readonly OtherNode[], oids: readonly number[]): Promise<Elsewhere> {
  const used = new Set<number>()
  const asked: string[] = []
  const silent: string[] = []
  for (const node of others.filter(({ isReplica }) => isReplica)) {
    try {
      const rows = await node.ask<{ oid: number }>(sql`
        select c.oid::int8::float8 as oid
        from pg_class c
        where c.oid = any(${oids}::int8[]::oid[])
          and (
            select coalesce(sum(pg_stat_get_numscans(p.relid)), 0)
            from ${leavesOf(sql`c`)} p
          ) > 0`)
      asked.push(node.name)
      for (const { oid } of rows) used.add(oid)
    } catch {
      // A replica that does not answer may be the one that uses it.
      silent.push(node.name)
    }
  }
  return { used, asked, silent }
}

function withNodes(draft: Draft, { asked, silent }: Elsewhere): Draft {
  const evidence = { ...draft.evidence, ...(asked.length > 0 ? { replicasAsked: asked.join(', ') } : {}) }
  if (silent.length === 0) return { ...draft, evidence }
  const { fix: _fix, undo: _undo, ...rest } = draft
  return {
    ...rest,
    gravity: 'note',
    evidence: { ...evidence, replicasSilent: silent.join(', ') },
    advice: `Ask again when ${silent.join(', ')} ${silent.length === 1 ? 'answers' : 'answer'}: it may be used there.`,
  }
}
