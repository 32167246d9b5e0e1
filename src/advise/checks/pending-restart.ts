// Settings that were changed and do not count yet.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'

export const pendingRestart: Check = defineCheck({
  name: 'pending-restart',
  category: 'settings',
  of: 'each',
  question: 'Does a setting wait for a restart?',
  why: 'The next restart, planned or not, changes how the server behaves.',
  threshold: 'note',
  mends: 'advice',
  find: ({ on }) =>
    findEach<{ name: string; setting: string }>(
      on,
      sql`
        select name, setting
        from pg_settings
        where pending_restart
        order by name`,
      ({ name }) => ({
        gravity: 'note',
        subject: name,
        what: `${name} was changed, and counts from the next restart on`,
        evidence: { name },
        advice: `Restart the server in a quiet hour (replicas first), or take it back where it was changed: in the provider's parameter group, in postgresql.conf, or, if it was ALTER SYSTEM, by: alter system reset ${name}`,
      }),
    ),
})
