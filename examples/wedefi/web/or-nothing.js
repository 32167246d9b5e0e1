// @ts-check

import { ApiError } from '/kit/fetch-json.js'

/**
 * What there is none of is no failure: undefined.
 * @param {Promise<any>} asked
 * @returns {Promise<any>}
 */
export async function orNothing(asked) {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}
