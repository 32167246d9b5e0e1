// The upkeep of partitions from SQL alone, so that pg_cron (or a person in psql) can do it where no daemon runs: procedure
// pgstrata.maintain(), the function create_monthly_partitions(), and what they stand on. Data: src/catalog installs them.
//
// What they promise: everything is done by the same texts the daemon runs (periods.ts, retire-rule.ts, the statements in
// pgstrata.layout); one partition a transaction; no lock is waited for longer than a second; what is not to be had is left
// for the next call, and told by NOTICE; safe beside a daemon and beside itself, by an advisory lock per table that is
// tried and never waited for. A procedure cannot DETACH CONCURRENTLY, so partitions are detached plainly here.
//
// A procedure with a SET clause cannot COMMIT, so maintain() has none and every name and operator in it is qualified. All else
// has an empty search_path, but for the statements that make partitions: those run under the caller's, handed through, because an
// index of a layout may use an operator class by its bare name.

import type { PlacedRoutine, Routine } from '../catalog/routines.ts'
import { quoteQualified } from '../sql/quote.ts'
import { missingPartitionsText, periodColumns, periodParameters } from './periods.ts'
import { retirableColumns, retirableText, retiredColumns, retiredParameters, retiredText } from './retire-rule.ts'
import { upkeepBody, upkeepStepBody } from './sql-upkeep.ts'

type Columns = readonly (readonly [name: string, type: string])[]

interface RoutineDraft {
  readonly kind?: 'function' | 'procedure'
  readonly schema?: string
  readonly name: string
  readonly parameters?: Columns
  readonly returns?: string
  readonly language: 'sql' | 'plpgsql'
  /** `set …` clauses. */
  readonly settings?: readonly string[]
  readonly body: string
  readonly purpose: string
}

function routine(draft: RoutineDraft): Routine {
  const { kind = 'function', schema = 'pgstrata', name, parameters = [], returns, settings = [], purpose } = draft
  const identity = quoteQualified(schema, name)
  const types = parameters.map(([, type]) => type)
  const clauses = [
    `create or replace ${kind} ${identity}(${parameters.map(([parameter, type]) => `${parameter} ${type}`).join(', ')})`,
    ...(returns === undefined ? [] : [`returns ${returns}`]),
    `language ${draft.language}`,
    ...settings,
    `as $pgstrata$\n${draft.body}\n$pgstrata$`,
  ]
  return {
    kind,
    schema,
    name,
    argumentTypes: types,
    purpose,
    create: clauses.join('\n'),
  }
}

const ofTable: Columns = [
  ['of_schema', 'text'],
  ['of_table', 'text'],
]

const work: Columns = [
  ['action', 'text'],
  ['partition_oid', 'oid'],
  ['partition_schema', 'text'],
  ['partition_name', 'text'],
  ['lower_bound', 'text'],
  ['upper_bound', 'text'],
]

const table = (columns: Columns): string => `table (${columns.map(([name, type]) => `${name} ${type}`).join(', ')})`

/** Where a name is found first, and how bounds are written. */
const reading: readonly string[] = ["set search_path = ''", "set datestyle = 'ISO'"]

const impatient: readonly string[] = ["set lock_timeout = '1s'"]

const workArguments = work.map(([name]) => `item.${name}`).join(', ')

/** Does each thing of the upkeep of all tables, or of some. */
const upkeepLoop = ({ only, after }: { readonly only: readonly string[]; readonly after: readonly string[] }): string =>
  `declare
  item record;
  busy text[] := '{}';
  place text;
begin
  for item in
    select l.schema_name, l.table_name, w.*
    from pgstrata.layout as l
    cross join lateral pgstrata.upkeep(l.schema_name, l.table_name, null) as w${
      only.length === 0 ? '' : `\n    where ${only.join('\n      and ')}`
    }
  loop
    place := pg_catalog.format('%I.%I', item.schema_name, item.table_name);
    -- A second for each of a thousand partitions would be a quarter of an hour.
    if not place operator(pg_catalog.=) any (busy) then
      if pgstrata.upkeep_step(item.schema_name, item.table_name, ${workArguments}, pg_catalog.current_setting('search_path')) operator(pg_catalog.=) 'busy'::pg_catalog.text then
        busy := pg_catalog.array_append(busy, place);
      end if;
${after.map((statement) => `      ${statement}\n`).join('')}    end if;
  end loop;
end`

const maintainBody = upkeepLoop({ only: [], after: ['commit;'] })

const isText = (column: string, value: string): string => `${column} operator(pg_catalog.=) '${value}'::pg_catalog.text`
const monthlyBody = upkeepLoop({ only: [isText('l.grain', 'month'), isText('w.action', 'make')], after: [] })

const monthly: RoutineDraft = {
  name: 'create_monthly_partitions',
  returns: 'void',
  language: 'plpgsql',
  body: monthlyBody,
  purpose: 'Makes the missing partitions of all monthly layouts.',
}

/** In the order in which they can be created. */
const own: readonly RoutineDraft[] = [
  {
    name: 'missing_partitions',
    parameters: periodParameters,
    returns: table(periodColumns),
    language: 'sql',
    settings: reading,
    body: missingPartitionsText({ cold: true }),
    purpose: 'Which partitions a layout is missing at a moment.',
  },
  {
    name: 'retirable_partitions',
    parameters: periodParameters,
    returns: table(retirableColumns),
    language: 'sql',
    settings: reading,
    body: retirableText,
    purpose: 'The partitions of a table, and which of them retention takes out at a moment.',
  },
  {
    name: 'retired_partitions',
    parameters: retiredParameters,
    returns: table(retiredColumns),
    language: 'sql',
    settings: reading,
    body: retiredText,
    purpose: 'What became of partitions that retention took out.',
  },
  {
    name: 'upkeep',
    parameters: [...ofTable, ['moment', 'timestamptz']],
    returns: table(work),
    language: 'plpgsql',
    settings: [...reading, ...impatient],
    body: `#variable_conflict use_column\n${upkeepBody}`,
    purpose: 'What is to do for the partitions of a table.',
  },
  {
    name: 'upkeep_step',
    parameters: [
      ...ofTable,
      ['action', 'text'],
      ['of_oid', 'oid'],
      ['of_partition_schema', 'text'],
      ['of_name', 'text'],
      ['of_lower', 'text'],
      ['of_upper', 'text'],
      ['of_path', 'text'],
    ],
    returns: 'text',
    language: 'plpgsql',
    settings: ["set search_path = ''", ...impatient],
    body: upkeepStepBody,
    purpose: 'Does one thing of what pgstrata.upkeep gives.',
  },
  {
    kind: 'procedure',
    name: 'maintain',
    language: 'plpgsql',
    body: maintainBody,
    purpose:
      'Makes partitions ahead of time, takes out and drops those whose time is over. To be called outside a transaction.',
  },
  monthly,
]

/** What stands, or stood, in a schema of the application. */
export const placedRoutine: PlacedRoutine = {
  name: monthly.name,
  body: 'select pgstrata.create_monthly_partitions()',
}

export interface PartitionRoutineOptions {
  /** A further schema that has create_monthly_partitions(): where pg_cron finds it by its bare name. */
  readonly monthlyIn?: string | undefined
}

export function partitionRoutines({ monthlyIn }: PartitionRoutineOptions = {}): readonly Routine[] {
  const further =
    monthlyIn === undefined || monthlyIn === 'pgstrata'
      ? []
      : [
          {
            ...monthly,
            schema: monthlyIn,
            language: 'sql' as const,
            body: placedRoutine.body,
          },
        ]
  return [...own, ...further].map(routine)
}
