// Which partitions a layout is missing at a moment: ONE query, the only place that knows where periods begin. TypeScript runs
// it with parameters; the function of schema "pgstrata" that psql and pg_cron use has the same text as its body.
//
// Everything is compared on one axis of whole numbers: microseconds since 1970 (of the instant for timestamptz and uuid, of
// the clock on the wall for timestamp and date), or the ids themselves. Boundaries come from Postgres' own arithmetic in the
// layout's zone, each from the wall clock and never from the one before, so that clocks going forward and back move nothing.
//
// What holds of the answer: no two partitions overlap, nor does one overlap an existing one (of whatever bounds, MINVALUE and
// MAXVALUE and one that is being detached included); together with those that exist they cover everything from the first
// period to the last one ahead; a period that is partly covered is clipped; one that never was (Pacific/Apia, 30 December
// 2011) is left out; what retention would take out again is not made. Made, they are not missing any more.

import { thisDatabase } from '../catalog/tiered.ts'
import {
  axisOfBound,
  axisOfLocal,
  greatest,
  isWall,
  least,
  literalOf,
  localOfAxis,
  micros,
  momentName,
} from './axis.ts'
import type { PartitionedTable } from './options.ts'

/** Of one table, leaves counted: beyond, planning a query takes longer than running it (PostgreSQL 18 §5.12.6). */
export const partitionLimit = 4_000

/** The parameters of the query, in order: also those of the SQL function. */
export const periodParameters = [
  /** The partitioned table; null where there is none yet. */
  ['parent', 'oid'],
  ['schema_name', 'text'],
  ['table_name', 'text'],
  /** timestamptz, timestamp, date, uuid, int2, int4, int8, numeric. */
  ['column_type', 'text'],
  /** Null for ids. */
  ['grain', 'text'],
  /** Null for time. */
  ['step', 'int8'],
  ['zone', 'text'],
  /** Where the first partition begins, as the wall clock of the zone shows it; or an id. */
  ['starts', 'text'],
  ['ahead', 'int4'],
  ['names', 'text'],
  /** {"age": "90 days"} or {"count": 30} or null. */
  ['retain', 'jsonb'],
  ['at', 'timestamptz'],
  /** The largest id there is; null for time, and where there is none. */
  ['largest', 'int8'],
] as const

/** What the query gives, in order. */
export const periodColumns = [
  ['partition_name', 'text'],
  /** As SQL writes them: a quoted literal, or MINVALUE, MAXVALUE. */
  ['lower_bound', 'text'],
  ['upper_bound', 'text'],
  /** A relation of that name exists already. */
  ['taken', 'boolean'],
] as const

export type PeriodParameter = (typeof periodParameters)[number][0]

function p(name: PeriodParameter): string {
  const index = periodParameters.findIndex(([known]) => known === name)
  return `$${index + 1}::${periodParameters[index]?.[1] ?? ''}`
}

const periodNames = `case ${p('grain')}
        when 'hour' then 'YYYY_MM_DD_HH24'
        when 'day' then 'YYYY_MM_DD'
        when 'week' then 'IYYY_"w"IW'
        when 'month' then 'YYYY_MM'
        when 'quarter' then 'YYYY_"q"Q'
        else 'YYYY'
      end`

const age = `(${p('retain')} ->> 'age')`
const count = `(${p('retain')} ->> 'count')::int4`

/** With retention by count: where the last that is kept of the partitions that have begun begins; null if there are fewer. */
const nthNewest = (begins: string): string => `(
        select ${begins}
        from existing
        where lower > ${least}
          and lower <= reached
        order by lower desc
        offset ${count} - 1
        limit case when ${count} is null then 0 else 1 end
      )`

/** Down to a whole step, exactly: a division of numerics is rounded. */
const floorToStep = (id: string): string =>
  `(${id} - mod(mod(${id}, ${p('step')}::numeric) + ${p('step')}, ${p('step')}))`

const moment = `coalesce(${p('at')}, now())`

/** A period whose rows are in an archive is not missing, though no partition is there. */
const coldText = `
  union all
  select ${axisOfBound(`trim(both '''' from p.lower_bound)`, 'floor')},
    ${axisOfBound(`trim(both '''' from p.upper_bound)`, 'ceil')}
  from settings
  cross join pgstrata.tier_table t
  join pgstrata.tier_partition p on p.tier_table = t.id
  where t.schema_name = ${p('schema_name')}
    and t.table_name = ${p('table_name')}
    and (t.table_oid = ${p('parent')} or t.declared ->> 'system' <> ${thisDatabase})
    and p.partition_oid is null`

const existingText = (cold: string): string => `settings as materialized (
  -- Bounds are read as text; only ISO names its zone without doubt. The order of day and month stays.
  select set_config('DateStyle', 'ISO', true) as style
), existing as materialized (
  select ${axisOfBound(`trim(both '''' from bound[1])`, 'floor')} as lower,
    ${axisOfBound(`trim(both '''' from bound[2])`, 'ceil')} as upper
  from settings
  cross join pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid) || left(settings.style, 0),
    '^FOR VALUES FROM [(](.*)[)] TO [(](.*)[)]$') as bound
  where i.inhparent = ${p('parent')}
    and bound is not null${cold}
), known as (
  select (
      select min(case when lower = ${least} then upper else lower end)
      from existing
      where lower < ${greatest}
    ) as first,
    (
      select range_agg(int8range(lower, upper))
      from existing
      where lower < upper
    ) as covered,
    case
      when ${p('grain')} is null then coalesce(${p('largest')}, 0)
      when ${isWall} then ${micros(`(${moment} at time zone ${p('zone')})`)}
      else ${micros(moment)}
    end as reached
)`

/** `start`: where the first period begins; what retention would take out again lies before it. */
const timeText = `now_local as (
  select date_trunc(${p('grain')}, ${moment} at time zone ${p('zone')}) as current,
    ${moment} at time zone ${p('zone')} as exact,
    case ${p('grain')}
      when 'week' then interval '7 days'
      when 'quarter' then interval '3 months'
      else ('1 ' || ${p('grain')})::interval
    end as length
), time_start as (
  select length, current + ${p('ahead')} * length as last, date_trunc(${p('grain')}, greatest(
      least(coalesce(
        ${p('starts')}::timestamp,
        case when first between ${least} + 1 and ${greatest} - 1 then ${localOfAxis('first')} end,
        current), current),
      case when ${age} is not null then least(current, exact - ${age}::interval) end,
      current - (${count} - 1) * length,
      ${nthNewest('least(current, ' + localOfAxis('lower') + ')')}
    )) as start
  from now_local, known
  where ${p('grain')} is not null
)`

/** Guarded, because the planner works out a cast of a value it knows. */
const startId = `case when ${p('step')} is not null then ${p('starts')}::numeric end`

const idText = `id_limits as (
  select ${floorToStep(`coalesce(${p('largest')}, 0)::numeric`)} as current,
    case ${p('column_type')}
      when 'int2' then 32767
      when 'int4' then 2147483647
      else ${greatest}
    end as largest_possible
  where ${p('step')} is not null
), id_start as (
  select largest_possible, least(current + ${p('ahead')}::numeric * ${p('step')}, largest_possible) as last, greatest(
      least(coalesce(
        ${floorToStep(startId)},
        case when first between ${least} + 1 and ${greatest} - 1 then ${floorToStep('first::numeric')} end,
        current), current),
      current - (${count} - 1)::numeric * ${p('step')},
      ${nthNewest('least(current, ' + floorToStep('lower::numeric') + ')')}
    ) as start
  from id_limits, known
)`

const idEnd = (begins: string): string =>
  `case when ${begins} + ${p('step')} > largest_possible then ${greatest} else (${begins} + ${p('step')})::int8 end`

/**
 * A gap is cut into the periods that lie in it, so that what is covered costs nothing, however long it is; and into no more
 * than the limit. One period more at either end: a clock that goes back shows some midnights twice.
 */
const missingText = `span as (
  -- A uuid tells no time before 1970.
  select greatest(${axisOfLocal('start')}, case when ${p('column_type')} = 'uuid' then 0 end) as lower,
    ${axisOfLocal('(last + length)')} as upper
  from time_start
  union all
  select greatest(start, ${least})::int8, ${idEnd(floorToStep('last'))}
  from id_start
), gaps as (
  select unnest(
      int8multirange(int8range(span.lower, span.upper))
      - coalesce(known.covered, '{}')
      -- Where nothing says how far back, nothing is made before what is there.
      - case when ${p('starts')} is null and known.first <= known.reached then int8multirange(int8range(null, known.first)) else '{}' end
    ) as gap
  from span, known
  where span.lower < span.upper
), wanted as (
  select gap, to_char(begins, ${periodNames}) as period,
    ${axisOfLocal('begins')} as lower,
    ${axisOfLocal('(begins + length)')} as upper
  from gaps
  cross join time_start
  cross join lateral (
    select date_trunc(${p('grain')}, ${localOfAxis('lower(gap)')}) as first_in_gap
  ) as place
  cross join lateral generate_series(
    greatest(start, first_in_gap - length),
    least(last, ${localOfAxis('upper(gap)')} + length, first_in_gap + ${partitionLimit} * length),
    length) as begins
  union all
  select gap, null, greatest(begins, ${least})::int8, ${idEnd('begins')}
  from gaps
  cross join id_start
  cross join lateral (
    select ${floorToStep('lower(gap)::numeric')} as first_in_gap
  ) as place
  cross join lateral generate_series(
    first_in_gap,
    least(last, upper(gap), first_in_gap + ${partitionLimit}::numeric * ${p('step')}),
    ${p('step')}::numeric) as begins
), pieces as (
  select period, wanted.lower as begins, wanted.upper as ends,
    greatest(wanted.lower, lower(gap)) as lower,
    least(wanted.upper, upper(gap)) as upper
  from wanted
  where wanted.lower < wanted.upper
    and int8range(wanted.lower, wanted.upper) && gap
), named as (
  select lower, upper, replace(replace(${p('names')}, '{table}', ${p('table_name')}), '{period}',
      case
        when period is null then lower::text
        when lower > greatest(begins, case when ${p('column_type')} = 'uuid' then 0 end) then period || '_from_' || ${momentName('lower')}
        when upper < ends then period || '_to_' || ${momentName('upper')}
        else period
      end) as name
  from pieces
)`

/** One SELECT with $1 … $13, as `periodParameters` lists them; `cold`: whether schema "pgstrata" knows tiers. */
export const missingPartitionsText = ({
  cold,
}: {
  readonly cold: boolean
}): string => `with ${existingText(cold ? coldText : '')},
${timeText},
${idText},
${missingText}
select name as partition_name,
  ${literalOf('lower')} as lower_bound,
  ${literalOf('upper')} as upper_bound,
  exists (
    select
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${p('schema_name')}
      and c.relname = name
  ) as taken
from named
order by lower
limit ${partitionLimit + 1}`

/** Retention as pgstrata.layout keeps it; `archive`: somebody else has to take partitions before they are dropped. */
export function retainJson({ retain }: PartitionedTable): string | null {
  if (retain === undefined) return null
  const { keep, grace, archive } = retain
  return JSON.stringify({ ...keep, grace, finally: retain.finally, archive: archive !== undefined })
}
