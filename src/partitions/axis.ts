// The axis on which periods and partitions are compared, as fragments of SQL: microseconds since 1970 (of the instant for
// timestamptz and uuid, of the clock on the wall for timestamp and date), or the ids themselves. They stand in the query of
// periods.ts, whose fourth parameter is the type of the column, and the seventh the layout's zone.
//
// The ends of the axis are what has no end: MINVALUE and MAXVALUE, and the infinities of time.

export const least: string = "'-9223372036854775808'::int8"
export const greatest: string = "'9223372036854775807'::int8"
export const isWall: string = `$4::text in ('timestamp', 'date')`
export const micros = (moment: string): string =>
  `case
        -- The last thirty years that a timestamp can tell are beyond 63 bits.
        when isfinite(${moment}) then least(extract(epoch from ${moment}) * 1000000, ${greatest})::int8
        when ${moment} < 'epoch' then ${least}
        else ${greatest}
      end`

/** A bound as text, as pg_get_expr writes it without its quotes → a place on the axis. */
export function axisOfBound(text: string, round: 'floor' | 'ceil'): string {
  return `case
      when ${text} = 'MINVALUE' then ${least}
      when ${text} = 'MAXVALUE' then ${greatest}
      when $4::text = 'timestamptz' then ${micros(`${text}::timestamptz`)}
      when ${isWall} then ${micros(`${text}::timestamp`)}
      when $4::text = 'uuid' then
        (('x' || substr(replace(${text}, '-', ''), 1, 12))::bit(48)::int8${
          round === 'floor' ? '' : ` + (substr(replace(${text}, '-', ''), 13) <> repeat('0', 20))::int4`
        }) * 1000
      else least(greatest(${round}(${text}::numeric), ${least}), ${greatest})::int8
    end`
}

/** A wall clock of the zone → the axis. */
export const axisOfLocal = (local: string): string =>
  `(extract(epoch from case when ${isWall} then ${local} at time zone 'UTC' else ${local} at time zone $7::text end) * 1000000)::int8`

const utc = (axis: string): string => `(timestamp 'epoch' + ${axis} * interval '1 microsecond')`

/** The axis → a wall clock of the zone. */
export const localOfAxis = (axis: string): string =>
  `case when ${isWall} then ${utc(axis)} else ${utc(axis)} at time zone 'UTC' at time zone $7::text end`

/** A place on the axis → a bound as SQL writes it. */
export const literalOf = (axis: string): string => `case
      when ${axis} <= ${least} then 'minvalue'
      when ${axis} >= ${greatest} then 'maxvalue'
      when $4::text = 'timestamptz' then
        quote_literal(rtrim(rtrim(to_char(${utc(axis)}, 'YYYY-MM-DD HH24:MI:SS.US'), '0'), '.') || '+00')
      when $4::text = 'timestamp' then
        quote_literal(rtrim(rtrim(to_char(${utc(axis)}, 'YYYY-MM-DD HH24:MI:SS.US'), '0'), '.'))
      when $4::text = 'date' then quote_literal(to_char(${utc(axis)}, 'YYYY-MM-DD'))
      when $4::text = 'uuid' then
        quote_literal(overlay(lpad(to_hex(greatest(${axis}, 0) / 1000), 12, '0') placing '-' from 9 for 0) || '-0000-0000-000000000000')
      else quote_literal(${axis})
    end`

/** Midnight is named by its day. A colon has no place in a name. */
export const momentName = (axis: string): string => `to_char(${localOfAxis(axis)},
        case when ${localOfAxis(axis)} = date_trunc('day', ${localOfAxis(axis)}) then 'YYYY_MM_DD' else 'YYYY_MM_DD_HH24MISS' end)`
