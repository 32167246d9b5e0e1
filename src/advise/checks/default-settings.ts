// Settings that still are as for a small machine with a spinning disk.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'

interface Untouched {
  readonly name: string
  readonly setting: string
  readonly sizeBytes: number
}

const words: Readonly<
  Record<string, { readonly what: string; readonly fix: readonly string[]; readonly advice: string }>
> = {
  random_page_cost: {
    what: 'random_page_cost is 4, which is for spinning disks',
    fix: ['alter system set random_page_cost = 1.1', 'select pg_reload_conf()'],
    advice:
      'On SSDs a read anywhere costs hardly more than the next one; at 4 the planner reads whole tables where an index would be faster.',
  },
  shared_buffers: {
    what: 'shared_buffers is 128 MB, as delivered',
    fix: [],
    advice: 'About a quarter of the memory of the machine; it takes effect with a restart.',
  },
  work_mem: {
    what: 'work_mem is 4 MB, as delivered',
    fix: [],
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
  find: ({ on, limits }) =>
    findEach<Untouched>(
      on,
      sql`
        select s.name, s.setting, d.size as "sizeBytes"
        from pg_settings s
        cross join (select pg_database_size(current_database())::float8 as size) d
        where s.name in ('random_page_cost', 'shared_buffers', 'work_mem')
          and s.setting = case s.name when 'random_page_cost' then '4' when 'shared_buffers' then '16384' else '4096' end
          and d.size >= ${limits.least}::float8
        order by s.name`,
      ({ name, setting, sizeBytes }) => {
        const said = words[name]
        if (said === undefined) return undefined
        return {
          gravity: 'note',
          subject: name,
          what: said.what,
          evidence: { [name]: setting, databaseSizeBytes: sizeBytes },
          fix: said.fix,
          undo: said.fix.length === 0 ? [] : [`alter system reset ${name}`, 'select pg_reload_conf()'],
          advice: said.advice,
        }
      },
    ),
})
