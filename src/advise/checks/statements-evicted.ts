// Whether pg_stat_statements throws statements out to make place for others.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf, type Draft } from './tools/define.ts'
import { inSentences, settingSql } from './tools/settings.ts'
import { statementsSchema, withoutStatements } from './tools/statements.ts'
import { readStored, storedHours } from './tools/stored.ts'

/** Beyond that the file of their texts, which is read whole, costs more than what is known of so many is worth. */
const ceilingPlaces = 20_000

export const statementsEvicted: Check = defineCheck({
  name: 'statements-evicted',
  category: 'queries',
  of: 'each',
  question: 'Does pg_stat_statements have place for all statements?',
  why: 'What is thrown out is counted from nothing when it comes again, so its figures are too low; throwing out costs time, too.',
  threshold: `warn where it happens at least once an hour, over the last ${storedHours} hours since the server was started (stored by \`watch\`), else since it was reset, an hour at least`,
  mends: `raises pg_stat_statements.max to a day's statements, at most to ${ceilingPlaces.toLocaleString('en-US')} (a restart)`,
  limits: { warn: 1, critical: Infinity, least: 0, leastHours: 1 },
  unavailable: withoutStatements,
  find: async ({ on, facts, limits }) => {
    const schema = await statementsSchema(on)
    if (schema === undefined) return { notKnown: 'because pg_stat_statements is gone' }
    const row = onlyRow(
      await on.query<{ evictions: number; hours: number; most: number; since: string; isOfThisStart: boolean }>(sql`
        select dealloc::float8 as evictions, stats_reset::text as since,
          (extract(epoch from clock_timestamp() - stats_reset) / 3600)::float8 as hours,
          current_setting('pg_stat_statements.max')::float8 as most,
          stats_reset >= pg_postmaster_start_time() - interval '1 min' as "isOfThisStart"
        from ${schema}.pg_stat_statements_info`),
    )
    // How many places there are, only a restart changes: what was thrown out before it says nothing of those that there are now.
    const stored = await readStored(on, facts.node, ['pgstrata_statements_evicted_total'], { sinceStart: true })
    const evictions = stored?.added('pgstrata_statements_evicted_total') ?? row.evictions
    const hours = stored?.hours ?? row.hours
    const evictionsPerHour = evictions / Math.max(hours, 1)
    const isEnough = evictions > 0 && hours >= (limits.leastHours ?? 0)
    const gravity = isEnough ? gravityOf(evictionsPerHour, limits) : undefined
    if (gravity === undefined) return []
    const draft: Draft = {
      gravity,
      subject: 'pg_stat_statements.max',
      what: `pg_stat_statements has thrown statements out ${evictions} times in ${hours.toFixed(1)} hours`,
      evidence: { evictions, evictionsPerHour, hours, places: row.most, since: row.since },
    }
    const often = 'Often it is a list of values (in (…)) or of names that makes each statement a new one.'
    const wanted = placesFor({ places: row.most, evictionsPerHour })
    if (wanted === undefined)
      return [{ ...draft, advice: `A day's statements would not fit into ${ceilingPlaces} places either. ${often}` }]
    // It is first loaded a moment before the server calls itself started.
    if (stored === undefined && !row.isOfThisStart)
      return [
        {
          ...draft,
          advice: `It is counted from before the last restart: how often it happens now, \`watch\` tells, or a day after pg_stat_statements_reset(). ${often}`,
        },
      ]
    const { fix, undo, hint } = await settingSql(on, { name: 'pg_stat_statements.max', value: String(wanted) })
    return [{ ...draft, fix, undo, advice: inSentences(hint, often) }]
  },
})

/** Each time the server throws out 5 % of what it keeps. */
const thrownShare = 0.05

/** Place for what a day throws out besides; undefined: more than the ceiling. */
export function placesFor(given: { readonly places: number; readonly evictionsPerHour: number }): number | undefined {
  const { places, evictionsPerHour } = given
  const wanted = Math.ceil((places * (1 + thrownShare * evictionsPerHour * 24)) / 100) * 100
  return wanted > ceilingPlaces ? undefined : wanted
}
