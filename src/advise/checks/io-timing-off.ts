// Whether the server measures how long reads and writes take.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, inTurn } from './tools/define.ts'
import { settingSql, withHint } from './tools/settings.ts'

export const ioTimingOff: Check = defineCheck({
  name: 'io-timing-off',
  category: 'settings',
  of: 'each',
  question: 'Does the server measure how long the disk takes?',
  why: 'Without track_io_timing nobody can tell a slow disk from a slow statement. It costs two looks at the clock for each block (pg_test_timing).',
  threshold: 'note',
  mends: 'switches it on',
  find: async ({ on }) => {
    const { rows } = await on.query<{ setting: string }>(sql`
      select setting
      from pg_settings
      where name = 'track_io_timing'
        and setting = 'off'`)
    return await inTurn(rows, async ({ setting }) => ({
      gravity: 'note' as const,
      subject: 'track_io_timing',
      what: 'track_io_timing is off',
      evidence: { track_io_timing: setting },
      ...withHint(await settingSql(on, { name: 'track_io_timing', value: 'on' })),
    }))
  },
})
