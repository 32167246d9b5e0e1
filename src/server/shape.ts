// The form of a JSON value, said once: its JSON Schema for the OpenAPI document, its check for what comes in, and its type, which
// the compiler holds equal to the interface it is declared for. Values are checked as they are, nothing is coerced; of a URL's
// parameters, which are all text, `fromText` reads what they stand for.

export type JsonSchema = Readonly<Record<string, unknown>>

interface Problem {
  /** 'body.rule'; '' is the whole. */
  readonly path: string
  readonly expected: string
}

export interface Shape<T> {
  readonly schema: JsonSchema
  /** undefined: it fits. */
  check(value: unknown, path: string): Problem | undefined
  /** What a parameter's text stands for; a text that stands for nothing is given back, and refused by `check`. */
  fromText(text: string): unknown
  readonly isOptional?: boolean
  /** Never there: it makes shapes of different types different. */
  readonly of?: (value: T) => T
}

export interface OptionalShape<T> extends Shape<T> {
  readonly isOptional: true
}

function simple<T>(schema: JsonSchema, expected: string, fits: (value: unknown) => boolean): Shape<T> {
  return {
    schema,
    check: (value, path) => (fits(value) ? undefined : { path, expected }),
    fromText: (text) => text,
  }
}

export function text(limits: { readonly least?: number; readonly most?: number } = {}): Shape<string> {
  const { least = 0, most } = limits
  const schema = {
    type: 'string',
    ...(least > 0 ? { minLength: least } : {}),
    ...(most === undefined ? {} : { maxLength: most }),
  }
  const expected = most === undefined ? 'a text' : `a text of ${least} to ${most} characters`
  return simple(schema, expected, (value) => {
    // The database keeps neither NUL nor half of a surrogate pair.
    if (typeof value !== 'string' || value.includes('\0') || !value.isWellFormed()) return false
    // JSON Schema counts code points; only a long text need be counted.
    const length =
      value.length > (most ?? Infinity) || value.length < least * 2 ? Array.from(value).length : value.length
    return length >= least && length <= (most ?? Infinity)
  })
}

/** A time as ISO 8601. */
export function time(): Shape<string> {
  return simple(
    { type: 'string', format: 'date-time' },
    'a time such as 2026-01-31T12:00:00Z',
    (value) =>
      typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) && !Number.isNaN(Date.parse(value)),
  )
}

export function number(limits: { readonly least?: number; readonly most?: number } = {}): Shape<number> {
  return numeric('number', limits, (value) => Number.isFinite(value))
}

export function whole(limits: { readonly least?: number; readonly most?: number } = {}): Shape<number> {
  return numeric('integer', limits, (value) => Number.isInteger(value))
}

function numeric(
  type: 'number' | 'integer',
  { least, most }: { readonly least?: number; readonly most?: number },
  fits: (value: number) => boolean,
): Shape<number> {
  const schema = {
    type,
    ...(least === undefined ? {} : { minimum: least }),
    ...(most === undefined ? {} : { maximum: most }),
  }
  const range = `${least === undefined ? '' : ` from ${least}`}${most === undefined ? '' : ` up to ${most}`}`
  const shape = simple<number>(
    schema,
    `a ${type === 'integer' ? 'whole ' : ''}number${range}`,
    (value) => typeof value === 'number' && fits(value) && value >= (least ?? -Infinity) && value <= (most ?? Infinity),
  )
  return { ...shape, fromText: (given) => (/^-?\d{1,15}(\.\d{1,15})?$/.test(given) ? Number(given) : given) }
}

export function flag(): Shape<boolean> {
  const shape = simple<boolean>({ type: 'boolean' }, 'true or false', (value) => typeof value === 'boolean')
  return { ...shape, fromText: (given) => (given === 'true' ? true : given === 'false' ? false : given) }
}

export function oneOf<const T extends string>(...values: readonly T[]): Shape<T> {
  return simple({ type: 'string', enum: values }, `one of ${values.join(', ')}`, (value) =>
    values.some((one) => one === value),
  )
}

/** Anything that JSON can hold. */
export function anything(): Shape<unknown> {
  return simple({}, 'a value', () => true)
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  const { type, enum: values } = shape.schema
  const schema =
    typeof type === 'string' && values === undefined
      ? { ...shape.schema, type: [type, 'null'] }
      : { anyOf: [shape.schema, { type: 'null' }] }
  return {
    schema,
    check: (value, path) => (value === null ? undefined : shape.check(value, path)),
    fromText: (given) => shape.fromText(given),
  }
}

export function optional<T>(shape: Shape<T>): OptionalShape<T> {
  return { ...shape, isOptional: true }
}

export function list<T>(shape: Shape<T>, limits: { readonly most?: number } = {}): Shape<readonly T[]> {
  const { most } = limits
  return {
    schema: { type: 'array', items: shape.schema, ...(most === undefined ? {} : { maxItems: most }) },
    check: (value, path) => {
      if (!Array.isArray(value) || value.length > (most ?? Infinity))
        return { path, expected: most === undefined ? 'a list' : `a list of at most ${most}` }
      return first(value.map((item: unknown, index) => () => shape.check(item, `${path}[${index}]`)))
    },
    fromText: (given) => given,
  }
}

/** So many numbers. */
export function numbers<T extends readonly number[]>(count: number): Shape<T> {
  return simple(
    { type: 'array', items: { type: 'number' }, minItems: count, maxItems: count },
    `${count} numbers`,
    (value) => Array.isArray(value) && value.length === count && value.every((one) => Number.isFinite(one)),
  )
}

export function record<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return {
    schema: { type: 'object', additionalProperties: shape.schema },
    check: (value, path) =>
      isObject(value)
        ? first(
            Object.entries(value).map(
              ([name, inner]) =>
                () =>
                  shape.check(inner, joinPath(path, name)),
            ),
          )
        : { path, expected: 'an object' },
    fromText: (given) => given,
  }
}

type Fields<T> = {
  readonly [Name in keyof T]-?: object extends Pick<T, Name>
    ? OptionalShape<Exclude<T[Name], undefined>>
    : Shape<T[Name]>
}

export interface ObjectShape<T> extends Shape<T> {
  readonly fields: Readonly<Record<string, Shape<unknown>>>
}

/** Exactly these fields. */
export function object<T extends object>(given: Fields<T>): ObjectShape<T> {
  const fields = given as unknown as Readonly<Record<string, Shape<unknown>>>
  const required = Object.keys(fields).filter((name) => fields[name]?.isOptional !== true)
  return {
    fields,
    schema: {
      type: 'object',
      properties: Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])),
      required,
      additionalProperties: false,
    },
    check: (value, path) => {
      if (!isObject(value)) return { path, expected: 'an object' }
      const missing = required.find((name) => !Object.hasOwn(value, name))
      if (missing !== undefined) return { path: joinPath(path, missing), expected: 'a value' }
      return first(
        Object.entries(value).map(([name, inner]) => () => {
          const shape = Object.hasOwn(fields, name) ? fields[name] : undefined
          // The name is whoever's who sent it.
          if (shape === undefined)
            return { path, expected: `no others than ${Object.keys(fields).join(', ') || 'none'}` }
          return shape.check(inner, joinPath(path, name))
        }),
      )
    },
    fromText: (text) => text,
  }
}

function first(checks: readonly (() => Problem | undefined)[]): Problem | undefined {
  for (const check of checks) {
    const problem = check()
    if (problem !== undefined) return problem
  }
  return undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function joinPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
