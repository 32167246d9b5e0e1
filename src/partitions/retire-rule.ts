// Which partitions retention takes out at a moment, and what became of those it took out: two queries, run by the daemon
// with parameters and, as bodies of functions, by pgstrata.maintain(). The parameters of the first are those of the query
// in periods.ts, and so is its axis.
//
// What holds of the answer: a partition is due only if all of it lies before the present (now, or where the newest ids
// are), so that neither the one that takes new rows nor a later one ever is; a default partition never is; one without a
// lower bound (what a relabelled table became) counts as one partition that ends at its upper bound. Spans are
// subtracted by Postgres on the clock of the layout's zone.

import { axisOfBound, axisOfLocal, greatest, least } from './axis.ts'
import { periodParameters, type PeriodParameter } from './periods.ts'

/** What the query gives, in order. */
export const retirableColumns = [
  ['partition_oid', 'oid'],
  ['schema_name', 'text'],
  ['partition_name', 'text'],
  /** Without quotes; MINVALUE and MAXVALUE as they are; null of a default partition. */
  ['lower_bound', 'text'],
  ['upper_bound', 'text'],
  ['is_default', 'boolean'],
  /** DETACH CONCURRENTLY began, and did not come to its end. */
  ['pending', 'boolean'],
  /** Holds, or can hold, what is written now or later. */
  ['ahead', 'boolean'],
  ['due', 'boolean'],
  ['begins', 'int8'],
  ['ends', 'int8'],
] as const

function p(name: PeriodParameter): string {
  const index = periodParameters.findIndex(([known]) => known === name)
  return `$${index + 1}::${periodParameters[index]?.[1] ?? ''}`
}

const isTime = `${p('column_type')} in ('timestamptz', 'timestamp', 'date', 'uuid')`
const exact = `(coalesce(${p('at')}, clock_timestamp()) at time zone ${p('zone')})`
const span = `(${p('retain')} ->> 'age')::interval`

/** One SELECT over the parameters of `periodParameters`; oldest first. */
export const retirableText: string = `with settings as materialized (
  -- Bounds are read as text; only ISO names its zone without doubt. The order of day and month stays.
  select set_config('DateStyle', 'ISO', true) as style
), moment as materialized (
  select
    case when ${isTime} then ${axisOfLocal(exact)} else ${p('largest')} end as present,
    case when ${isTime} then ${axisOfLocal(`(${exact} - ${span})`)} end as horizon
), known as materialized (
  select c.oid as partition_oid, n.nspname::text as schema_name, c.relname::text as partition_name,
    trim(both '''' from bound[1]) as lower_bound,
    trim(both '''' from bound[2]) as upper_bound,
    bound is null as is_default,
    i.inhdetachpending as pending
  from settings
  cross join pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  join pg_namespace n on n.oid = c.relnamespace
  cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid) || left(settings.style, 0),
    '^FOR VALUES FROM [(](.*)[)] TO [(](.*)[)]$') as bound
  where i.inhparent = ${p('parent')}
), placed as (
  select *,
    case when is_default then ${least} else ${axisOfBound('lower_bound', 'floor')} end as begins,
    case when is_default then ${greatest} else ${axisOfBound('upper_bound', 'ceil')} end as ends
  from known
), ranked as (
  select placed.*, moment.*,
    row_number() over (partition by is_default, begins <= present order by begins desc) as newest
  from placed
  cross join moment
)
select partition_oid, schema_name, partition_name, lower_bound, upper_bound, is_default, pending,
  coalesce(ends > present, true) as ahead,
  coalesce(not is_default
    and not pending
    and ends <= present
    and (ends <= horizon or newest > (${p('retain')} ->> 'count')::int8), false) as due,
  begins, ends
from ranked
order by is_default, begins, partition_oid`

/** The parameters of `retiredText`, in order. */
export const retiredParameters = [
  ['parent', 'oid'],
  ['schema_name', 'text'],
  ['table_name', 'text'],
  ['at', 'timestamptz'],
] as const

export const retiredColumns = [
  ['partition_oid', 'oid'],
  ['partition_schema', 'text'],
  ['partition_name', 'text'],
  ['lower_bound', 'text'],
  ['upper_bound', 'text'],
  ['state', 'text'],
  ['grace_over', 'boolean'],
  ['finished', 'boolean'],
  /** attached, pending, apart, elsewhere, renamed, gone. */
  ['whereabouts', 'text'],
] as const

/** Records that are not finished, and those of partitions that somebody took over. */
export const retiredText: string = `select r.partition_oid, r.partition_schema, r.partition_name, r.lower_bound, r.upper_bound, r.state,
  coalesce(r.drop_after <= coalesce($4::timestamptz, clock_timestamp()), false) as grace_over,
  r.finished_at is not null as finished,
  case
    when c.oid is null then 'gone'
    when i.inhparent = $1::oid and i.inhdetachpending then 'pending'
    when i.inhparent = $1::oid then 'attached'
    when i.inhparent is not null then 'elsewhere'
    when n.nspname::text <> r.partition_schema or c.relname::text <> r.partition_name then 'renamed'
    else 'apart'
  end as whereabouts
from pgstrata.retired_partition r
left join pg_class c on c.oid = r.partition_oid
left join pg_namespace n on n.oid = c.relnamespace
left join lateral (
  select inhparent, inhdetachpending
  from pg_inherits
  where inhrelid = c.oid
  order by inhparent = $1::oid desc
  limit 1
) as i on true
where r.schema_name = $2::text
  and r.table_name = $3::text
  and (r.finished_at is null or r.state = 'released')
order by r.retired_at, r.partition_name`
