// @ts-check
// What the server says, as JSON; what it refuses, as an error whose message a person can read.

export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{ status: number, code: string, details?: unknown }} particulars status 0: there was no answer
   */
  constructor(message, { status, code, details }) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.details = details
  }
}

/**
 * @param {string} path
 * @param {{ method?: string, body?: unknown, headers?: Record<string, string>, signal?: AbortSignal }} [options]
 * @returns {Promise<any>} undefined: the answer has no body
 */
export async function fetchJson(path, { method = 'GET', body, headers = {}, signal } = {}) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error) => {
    if (signal?.aborted) throw error
    throw new ApiError('The server cannot be reached.', { status: 0, code: 'UNREACHABLE' })
  })
  const text = await response.text()
  const answer = text === '' ? undefined : read(text)
  if (response.ok) return answer
  const { code = 'UNKNOWN', message = `The server answered ${response.status}.`, details } = answer?.error ?? {}
  throw new ApiError(message, { status: response.status, code, details })
}

/**
 * What there is none of is no failure: undefined. Other refusals stay errors.
 * @param {Promise<any>} asked
 * @param {number} [status] What says that there is none.
 * @returns {Promise<any>}
 */
export async function orNothing(asked, status = 404) {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ApiError && error.status === status) return undefined
    throw error
  }
}

/** @param {string} text @returns {any} */
function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
