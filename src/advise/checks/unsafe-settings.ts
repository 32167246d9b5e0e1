// Settings under which a crash loses or damages data.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, inTurn } from './tools/define.ts'
import { settingSql, withHint } from './tools/settings.ts'

const harms: Readonly<Record<string, string>> = {
  fsync: 'a crash of the machine can leave the database unusable',
  full_page_writes: 'a page half written by a crash cannot be repaired',
  zero_damaged_pages: 'damaged pages are emptied without a word',
  ignore_checksum_failure: 'damaged pages are read as if they were whole',
}

export const unsafeSettings: Check = defineCheck({
  name: 'unsafe-settings',
  category: 'storage',
  of: 'each',
  question: 'Would a crash damage data?',
  why: 'These settings are for data that may be thrown away.',
  threshold: 'critical',
  mends: 'takes the setting back',
  find: async ({ on }) => {
    const { rows } = await on.query<{ name: string; setting: string }>(sql`
      select name, setting
      from pg_settings
      where (name in ('fsync', 'full_page_writes') and setting = 'off')
        or (name in ('zero_damaged_pages', 'ignore_checksum_failure') and setting = 'on')
      order by name`)
    return await inTurn(rows, async ({ name, setting }) => ({
      gravity: 'critical' as const,
      subject: name,
      what: `${name} is ${setting}: ${harms[name] ?? ''}`,
      evidence: { [name]: setting },
      ...withHint(await settingSql(on, { name, value: setting === 'off' ? 'on' : 'off' })),
    }))
  },
})
