// Whether every role may make objects in schema public.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'

export const publicCreate: Check = defineCheck({
  name: 'public-create',
  category: 'security',
  question: 'May every role make objects in schema public?',
  why: 'Who may, can put a function there that others call instead of the one they mean (CVE-2018-1058).',
  threshold: 'warn',
  mends: 'takes that privilege back',
  find: ({ on }) =>
    findEach<{ schema: string }>(
      on,
      sql`
        select n.nspname::text as schema
        from pg_namespace n
        where n.nspname = 'public'
          and exists (
            select
            from aclexplode(n.nspacl) as granted
            where granted.grantee = 0
              and granted.privilege_type = 'CREATE'
          )`,
      () => ({
        gravity: 'warn',
        subject: 'schema public',
        what: 'Every role may create in schema public',
        evidence: { grantee: 'public' },
        fix: ['revoke create on schema public from public'],
        undo: ['grant create on schema public to public'],
        advice: 'Grant it to the role that migrates alone.',
      }),
    ),
})
