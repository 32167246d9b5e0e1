// An error as whoever asked over HTTP is told it: one shape for routes and for streams. Its status is the error's own.

import type { StrataError } from './errors.ts'

export interface ErrorAnswer {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly expected?: string
    readonly got?: string
    readonly advice?: string
  }
}

export function answerOf({ code, message, advice, details: { expected, got } }: StrataError): ErrorAnswer {
  return {
    error: {
      code,
      message,
      ...(typeof expected === 'string' ? { expected } : {}),
      ...(typeof got === 'string' ? { got } : {}),
      advice,
    },
  }
}
