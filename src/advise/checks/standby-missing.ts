// Replicas that should be streaming and are not: fewer than the configuration names, or none that commits wait for.

import { onlyRow } from '../../db/db.ts'
import { isStandby } from '../../db/standbys.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, type Draft } from './tools/define.ts'
import { withoutSight } from './tools/sessions.ts'

export const standbyMissing: Check = defineCheck({
  name: 'standby-missing',
  category: 'replication',
  question: 'Is every replica there?',
  why: 'A commit waits for a synchronous standby without end; reads of a lost replica go to the others.',
  threshold: 'warn where fewer stream than the configuration has, critical where a synchronous standby is missing',
  mends: 'advice',
  unavailable: withoutSight,
  find: async ({ on, others }) => {
    const row = onlyRow(
      await on.query<{ streaming: number; synchronous: number; wanted: string }>(sql`
        select (count(*) filter (where r.state = 'streaming' and ${isStandby}))::float8 as streaming,
          (count(*) filter (where sync_state in ('sync', 'quorum')))::float8 as synchronous,
          current_setting('synchronous_standby_names') as wanted
        from pg_stat_replication r`),
    )
    const configured = others.filter(({ isReplica }) => isReplica).length
    const found: Draft[] = []
    if (row.wanted !== '' && row.synchronous === 0)
      found.push({
        gravity: 'critical',
        subject: 'synchronous_standby_names',
        what: 'Commits wait for a synchronous standby, and there is none',
        evidence: { synchronous: row.synchronous, streaming: row.streaming },
        advice:
          "Bring it back. To go on without: alter system set synchronous_standby_names = ''; select pg_reload_conf(), and then a failure of this server loses what was committed.",
      })
    if (row.streaming < configured)
      found.push({
        gravity: 'warn',
        subject: 'replicas',
        what: `${row.streaming} of ${configured} replicas of the configuration stream from the primary`,
        evidence: { streaming: row.streaming, configured },
        advice: 'pgstrata status shows which; those that follow another replica, or an archive, are not counted.',
      })
    return found
  },
})
