// Drizzle wraps what the server said in an error of its own, whose message repeats the statement's parameters. They belong in no message and
// in no log, so what the server said is thrown in its place.

import { DrizzleQueryError } from 'drizzle-orm'

export async function withServerErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof DrizzleQueryError ? (error.cause ?? new Error('A statement failed')) : error
  }
}

/** SQLSTATE. */
export function stateOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return typeof code === 'string' ? code : undefined
}

export const foreignKeyViolation = '23503'
