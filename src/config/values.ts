// The kinds of values that keys of a configuration share: URLs, durations, names. A value that is refused goes on being
// checked, so that its complaint is its own, and not that no form of a choice fits.

import { z } from 'zod'
import { messageOf } from '../base/errors.ts'
import { parseDurationMs, parseSizeBytes } from '../base/units.ts'
import { parseTarget } from '../db/pg-db.ts'

/** '50ms', '10s', '5 min', '30 days', or milliseconds. */
export type Duration = string | number

export const url: z.ZodType<string, string> = z.string().check((context) => {
  try {
    parseTarget(context.value)
  } catch (error) {
    context.issues.push({ code: 'custom', message: messageOf(error), input: '(a URL, not shown)', continue: true })
  }
})

export const duration: z.ZodUnion<readonly [z.ZodString, z.ZodNumber]> = z
  .union([z.string(), z.number()])
  .check((context) => {
    try {
      parseDurationMs(context.value)
    } catch (error) {
      context.issues.push({ code: 'custom', message: messageOf(error), input: context.value, continue: true })
    }
  })

export const sqlText: z.ZodString = z.string().min(1)

/** Of what PostgreSQL lets one set. */
export const setting: z.ZodUnion<readonly [z.ZodString, z.ZodNumber, z.ZodBoolean]> = z.union([
  z.string(),
  z.number(),
  z.boolean(),
])

/** A span as Postgres reads it, and not more of what Postgres reads: '1 mon' and '1-2' say little to people. */
export const span: z.ZodString = z
  .string()
  .regex(
    /^\d{1,6} (hour|day|week|month|year)s?$/,
    "expected a span such as '12 hours', '90 days', '6 months' or '2 years'",
  )

/** The same, and minutes. */
export function graceSuchAs(example: string): z.ZodString {
  return z.string().regex(/^\d{1,6} (minute|hour|day|week|month|year)s?$/, `expected a span such as '${example}'`)
}

/** A name as PostgreSQL keeps it whole. */
export const identifier: z.ZodType<string> = z.string().check((context) => {
  const sizeBytes = Buffer.byteLength(context.value)
  if (sizeBytes > 0 && sizeBytes <= 63 && !context.value.includes('\0')) return
  context.issues.push({ code: 'custom', message: 'expected a name of 1 to 63 bytes', input: '', continue: true })
})

/** Refuses the names of a record that do not fit, each at its own path. */
export function checkNames(
  isFit: (name: string) => boolean,
  expected: string,
): z.core.CheckFn<Readonly<Record<string, unknown>>> {
  return (context) => {
    for (const name of Object.keys(context.value)) {
      if (isFit(name)) continue
      context.issues.push({
        code: 'custom',
        message: `expected ${expected}`,
        input: name,
        path: [name],
        continue: true,
      })
    }
  }
}

/** '50 GB', within bounds in bytes. */
export function sizeFrom(least: number, most: number, expected: string): z.ZodString {
  return z.string().check((context) => {
    const tell = (message: string): void =>
      void context.issues.push({ code: 'custom', message, input: context.value, continue: true })
    try {
      const bytes = parseSizeBytes(context.value)
      if (bytes < least || bytes > most) tell(`expected ${expected}, got ${JSON.stringify(context.value)}`)
    } catch (error) {
      tell(messageOf(error))
    }
  })
}
