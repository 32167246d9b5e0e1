// The shapes of what comes in, as JSON Schema: what is not as it must be is refused before a route sees it.

export const songId = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const

export const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const

/** FLOW, exact to eight digits behind the point. */
export const amount = { type: 'string', pattern: '^\\d{1,12}(\\.\\d{1,8})?$' } as const

export const days = { type: 'integer', minimum: 1, maximum: 366, default: 30 } as const

/** Of a list; more is not to be had at once. */
export function limit(usual: number): object {
  return { type: 'integer', minimum: 1, maximum: 100, default: usual }
}
