// Settings that still are as for a small machine with a spinning disk.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, inTurn, type Draft } from './tools/define.ts'
import { inSentences, settingSql } from './tools/settings.ts'

interface Untouched {
  readonly name: string
  readonly setting: string
  readonly sizeBytes: number
}

const words: Readonly<Record<string, { readonly what: string; readonly value?: string; readonly advice: string }>> = {
  random_page_cost: {
    what: 'random_page_cost is 4, which is for spinning disks',
    value: '1.1',
    advice:
      'On SSDs a read anywhere costs hardly more than the next one; at 4 the planner reads whole tables where an index would be faster.',
  },
  shared_buffers: {
    what: 'shared_buffers is 128 MB, as delivered',
    advice: 'About a quarter of the memory of the machine; it takes effect with a restart.',
  },
  work_mem: {
    what: 'work_mem is 4 MB, as delivered',
    advice:
      'Sorts and hashes beyond it go through the disk. 16 to 64 MB suit most; each sort or hash of each session may take that much.',
  },
}

export const defaultSettings: Check = defineCheck({
  name: 'default-settings',
  category: 'settings',
  of: 'each',
  question: 'Are settings still as delivered, on a database that has outgrown them?',
  why: 'The defaults suit any machine, and so none of the size that such a database needs.',
  threshold: 'note: random_page_cost, shared_buffers and work_mem, from 1 GB of data on',
  mends: 'sets random_page_cost; advice for the others',
  limits: { warn: 0, critical: Infinity, least: 1_073_741_824 },
  find: async ({ on, limits }) => {
    const { rows } = await on.query<Untouched>(sql`
      with untouched as materialized (
        select s.name, s.setting
        from pg_settings s
        where s.name in ('random_page_cost', 'shared_buffers', 'work_mem')
          and s.setting = case s.name when 'random_page_cost' then '4' when 'shared_buffers' then '16384' else '4096' end
      ), sized as materialized (
        -- It looks at every file of the database.
        select pg_database_size(current_database())::float8 as size
        where exists (select from untouched)
      )
      select u.name, u.setting, d.size as "sizeBytes"
      from untouched u
      cross join sized d
      where d.size >= ${limits.least}::float8
      order by u.name`)
    const found = await inTurn(rows, async ({ name, setting, sizeBytes }): Promise<readonly Draft[]> => {
      const said = words[name]
      if (said === undefined) return []
      const change = said.value === undefined ? undefined : await settingSql(on, { name, value: said.value })
      return [
        {
          gravity: 'note',
          subject: name,
          what: said.what,
          evidence: { [name]: setting, databaseSizeBytes: sizeBytes },
          fix: change?.fix ?? [],
          undo: change?.undo ?? [],
          advice: inSentences(said.advice, change?.hint),
        },
      ]
    })
    return found.flat()
  },
})
