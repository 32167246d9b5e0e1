// Whether applications connect as a superuser.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'

export const superuserRole: Check = defineCheck({
  name: 'superuser-role',
  category: 'security',
  question: 'Is the role of the configuration a superuser?',
  why: 'One injected statement reads any file, runs any program and is stopped by no row security.',
  threshold: 'warn',
  mends: 'advice',
  find: ({ on }) =>
    findEach<{ role: string; bypasses: boolean }>(
      on,
      sql`
        select rolname::text as role, rolbypassrls as bypasses
        from pg_roles
        where rolname = session_user
          and rolsuper`,
      ({ role, bypasses }) => ({
        gravity: 'warn',
        subject: 'the role of the configuration',
        what: `${role} is a superuser`,
        evidence: { role, bypassesRowSecurity: bypasses },
        advice:
          'Connect as a role of its own that owns what it migrates, and as another one that only reads and writes (docs/roles.md).',
      }),
    ),
})
