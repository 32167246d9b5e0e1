// How a value of PostgreSQL is written in Parquet, and how its text is made of that again, as expressions of DuckDB. Manifests
// name these rules, so that what a name means never changes; another meaning gets another name.
//
// What must be true of nothing here: the writer compares the text that comes back with the text that was there, and keeps the
// text beside the value wherever they differ. A rule decides how much is kept twice, and never whether a value is kept.

export interface Canonical {
  /** DuckDB's type, and by it Parquet's. */
  readonly type: string
  /** A text, as PostgreSQL writes the value → the value, or null where the type cannot say it as other engines read it. */
  readonly value: (text: string) => string
  /** The value → the text. */
  readonly text: (value: string) => string
}

const cast = (expression: string): string => `cast(${expression} as varchar)`
const attempt =
  (type: string) =>
  (text: string): string =>
    `try_cast(${text} as ${type})`

const plain = (type: string): Canonical => ({ type, value: attempt(type), text: cast })

/** What other engines take for a moment far away, or refuse. */
const finite = (type: string, value: string): string =>
  `case when isfinite(${value}) and ${value} >= ${type} '0001-01-01' and ${value} < ${type} '9999-12-31' then ${value} end`

const calendar = (type: string): Canonical => ({
  type,
  // What comes before year 1 ends in BC, which DuckDB reads past.
  value: (text) => `case when not ends_with(${text}, 'BC') then ${finite(type.toLowerCase(), attempt(type)(text))} end`,
  text: cast,
})

const float = (type: string): Canonical => ({
  type,
  // In the dictionaries of Parquet -0 and 0 are one value.
  value: (text) => `case when ${attempt(type)(text)} = 0 then cast(0 as ${type}) else ${attempt(type)(text)} end`,
  text: (value) => `case
    when isnan(${value}) then 'NaN'
    when isinf(${value}) then case when ${value} > 0 then 'Infinity' else '-Infinity' end
    when ends_with(${cast(value)}, '.0') then left(${cast(value)}, -2)
    else ${cast(value)}
  end`,
})

const simple: Readonly<Record<string, Canonical>> = {
  bool: {
    type: 'BOOLEAN',
    value: (text) =>
      `case ${text} when 't' then true when 'true' then true when 'f' then false when 'false' then false end`,
    text: (value) => `case when ${value} then 't' when not ${value} then 'f' end`,
  },
  int2: plain('SMALLINT'),
  int4: plain('INTEGER'),
  int8: plain('BIGINT'),
  oid: plain('UINTEGER'),
  float4: float('FLOAT'),
  float8: float('DOUBLE'),
  date: calendar('DATE'),
  timestamp: calendar('TIMESTAMP'),
  timestamptz: {
    type: 'TIMESTAMPTZ',
    value: (text) =>
      `case when not ends_with(${text}, 'BC') then ${finite('timestamptz', attempt('TIMESTAMPTZ')(text))} end`,
    text: (value) => `${cast(`(${value} at time zone 'UTC')`)} || '+00'`,
  },
  time: {
    type: 'TIME',
    // 24:00:00 is a time of PostgreSQL alone.
    value: (text) => `case when ${text} < '24' then ${attempt('TIME')(text)} end`,
    text: cast,
  },
  uuid: plain('UUID'),
  bytea: {
    type: 'BLOB',
    value: (text) => `case when starts_with(${text}, '\\x') then unhex(substr(${text}, 3)) end`,
    text: (value) => `'\\x' || lower(hex(${value}))`,
  },
  json: { type: 'JSON', value: attempt('JSON'), text: cast },
  text: { type: 'VARCHAR', value: (text) => text, text: (value) => value },
}

const decimalName = /^decimal\((\d+),(\d+)\)$/
const listName = /^list of (\w+)$/

export function canonicalOf(name: string): Canonical | undefined {
  const [, precision, scale] = decimalName.exec(name) ?? []
  if (precision !== undefined && scale !== undefined) return plain(`DECIMAL(${precision},${scale})`)
  const [, element] = listName.exec(name) ?? []
  const inner = element === undefined ? undefined : simple[element]
  if (inner !== undefined) return listOf(inner)
  return simple[name]
}

/** Needs a second text: the array as JSON, which has no settings. */
export function isList(name: string): boolean {
  return listName.test(name)
}

/** What an array of PostgreSQL puts between quotes. */
const quoted = `'[{}",\\\\ \\t\\n\\r\\v\\f]'`

function listOf(element: Canonical): Canonical {
  const inner = element.text('x')
  const item = `case
      when x is null then 'NULL'
      when ${inner} = '' or lower(${inner}) = 'null' or regexp_matches(${inner}, ${quoted})
        then '"' || replace(replace(${inner}, '\\', '\\\\'), '"', '\\"') || '"'
      else ${inner}
    end`
  return {
    type: `${element.type}[]`,
    // Of more dimensions than one it is the text alone.
    value: (json) => `case when ${json} not like '[[%'
      then list_transform(try_cast(try_cast(${json} as JSON) as VARCHAR[]), lambda x: ${element.value('x')}) end`,
    text: (value) => `'{' || array_to_string(list_transform(${value}, lambda x: ${item}), ',') || '}'`,
  }
}

/** Digits behind the point of each value, where they differ: 1.0 and 1.00 are two texts of one number. */
export function textWithScale(value: string, scale: string, greatest: number): string {
  const all = cast(value)
  return `case
    when ${scale} is null or ${scale} = ${greatest} then ${all}
    when ${scale} = 0 then left(${all}, length(${all}) - ${greatest + 1})
    else left(${all}, length(${all}) - ${greatest} + ${scale})
  end`
}
