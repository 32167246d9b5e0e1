// What goes wrong between the server and whoever asks it over HTTP.

import { environment, refused, usage, type ErrorEntry } from './entry.ts'

export type ServerErrorCode =
  | 'HTTP_MALFORMED'
  | 'HTTP_UNAUTHORIZED'
  | 'HTTP_FORBIDDEN'
  | 'HTTP_NOT_FOUND'
  | 'HTTP_METHOD'
  | 'HTTP_TIMEOUT'
  | 'HTTP_BODY_TOO_LARGE'
  | 'HTTP_URL_TOO_LONG'
  | 'HTTP_MEDIA_TYPE'
  | 'HTTP_TOO_MANY'
  | 'HTTP_HEADERS_TOO_LARGE'
  | 'HTTP_NOT_CONFIGURED'
  | 'HTTP_STOPPING'
  | 'SERVER_FAILED'

export const serverErrors: Readonly<Record<ServerErrorCode, ErrorEntry>> = {
  HTTP_MALFORMED: { ...usage, title: 'A request is not HTTP as it is written.', advice: 'Send it by an HTTP client.' },
  HTTP_UNAUTHORIZED: {
    ...usage,
    status: 401,
    title: 'A request needs a token, and has none or a wrong one.',
    advice: 'Send one of `server.tokens` in the header `Authorization: Bearer …`.',
  },
  HTTP_FORBIDDEN: {
    ...refused,
    status: 403,
    title: 'A request may not do that with the token it has, or by the way it came.',
    advice: 'Send one of `server.tokens.manage`; where none is configured, nothing can be managed over HTTP.',
  },
  HTTP_NOT_FOUND: {
    ...usage,
    status: 404,
    title: 'There is nothing under that path.',
    advice: 'docs/endpoints.md and /openapi.json list all there is.',
  },
  HTTP_METHOD: {
    ...usage,
    status: 405,
    title: 'The path does not take that method.',
    advice: 'The header `Allow` says which it takes.',
  },
  HTTP_TIMEOUT: {
    ...usage,
    status: 408,
    title: 'A request did not arrive in time.',
    advice: 'Send it at once; `server.requestTimeout` is what it may take.',
  },
  HTTP_BODY_TOO_LARGE: { ...usage, status: 413, title: 'A body is too large.', advice: 'Send at most 64 kB.' },
  HTTP_URL_TOO_LONG: { ...usage, status: 414, title: 'A URL is too long.', advice: 'Send at most 8,000 characters.' },
  HTTP_MEDIA_TYPE: {
    ...usage,
    status: 415,
    title: 'A body is of a kind that is not understood.',
    advice: 'Send JSON, as `Content-Type: application/json`.',
  },
  HTTP_TOO_MANY: {
    ...usage,
    status: 429,
    title: 'Wrong tokens came from an address too often.',
    advice: 'Mend the token; a right one is let in at any time.',
  },
  HTTP_HEADERS_TOO_LARGE: {
    ...usage,
    status: 431,
    title: 'The headers of a request are too large.',
    advice: 'Send at most 16 kB of them.',
  },
  HTTP_NOT_CONFIGURED: {
    ...refused,
    status: 501,
    title: 'What was asked for is not configured here.',
    advice: 'Declare it in the configuration; the message says what.',
  },
  HTTP_STOPPING: {
    ...environment,
    status: 503,
    title: 'The server is about to stop.',
    advice: 'Ask another one, or this one again when it is back.',
  },
  SERVER_FAILED: {
    ...environment,
    title: 'The server could not listen.',
    advice: 'Name another port with `server.port` or `--port`, or an address of this machine with `server.host`.',
  },
}
