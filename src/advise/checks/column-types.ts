// Columns of types that mostly turn out to be a mistake: timestamp without time zone, char(n), money and json.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { usersOwn } from './tools/relations.ts'

type Doubtful = 'timestamp' | 'bpchar' | 'money' | 'json'

interface Typed {
  readonly type: Doubtful
  readonly columns: number
  readonly some: readonly string[]
}

const words: Readonly<Record<Doubtful, { readonly shown: string; readonly better: string }>> = {
  timestamp: {
    shown: 'timestamp without time zone',
    better: 'timestamptz: it says an instant; a timestamp means another one in each zone that it is read in.',
  },
  bpchar: {
    shown: 'char(n)',
    better: 'text (with a check of its length): char(n) is filled with blanks, and no faster.',
  },
  money: {
    shown: 'money',
    better: 'numeric: money is written and rounded as the setting lc_monetary of the reader says.',
  },
  json: { shown: 'json', better: 'jsonb: it can be compared, indexed and read by key without parsing all of it.' },
}

export const columnTypes: Check = defineCheck({
  name: 'column-types',
  category: 'schema',
  question: 'Are there columns of types that are mostly a mistake?',
  why: 'They are cheap to change while a table is small, and a project of weeks later.',
  threshold: 'note: timestamp without time zone, char(n), money, json',
  mends: 'advice',
  penalty: { note: 0.02, warn: 0.1, critical: 0.5 },
  find: ({ on }) =>
    findEach<Typed>(
      on,
      sql`
        select y.typname::text as type, count(*)::float8 as columns,
          (array_agg(format('%I.%I.%I', n.nspname, c.relname, a.attname) order by c.reltuples desc, n.nspname, c.relname, a.attnum))[1:5] as some
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid
        join pg_namespace n on n.oid = c.relnamespace
        join pg_type y on y.oid = a.atttypid
        where ${usersOwn}
          and c.relkind in ('r', 'p')
          and not c.relispartition
          and a.attnum > 0
          and not a.attisdropped
          -- "char", of one byte, is another type: it has no length.
          and y.oid in ('timestamp'::regtype, 'bpchar'::regtype, 'money'::regtype, 'json'::regtype)
        group by y.typname
        order by count(*) desc, y.typname`,
      ({ type, columns, some }) => ({
        gravity: 'note',
        subject: `type ${words[type].shown}`,
        what: `${columns} ${columns === 1 ? 'column is' : 'columns are'} of type ${words[type].shown}: ${some.join(', ')}${columns > some.length ? ', …' : ''}`,
        evidence: { columns, andMore: Math.max(0, columns - some.length) },
        advice: `Better ${words[type].better} Changing a type writes the table anew: docs/zero-downtime.md has it in steps.`,
      }),
    ),
})
