// @ts-check
// Who may change alerts: operators, by a token that this tab remembers. The demonstration gives one out by itself; a service that is deployed has
// no such route, and asks.

import { ApiError, fetchJson, orNothing } from '/kit/fetch-json.js'

const place = 'wedefi-operator'

/** Whether there is a token. One that is wrong is told of by the first write. */
export async function findOperator() {
  if (sessionStorage.getItem(place) !== null) return true
  const found = await orNothing(fetchJson('/demo/operator'))
  if (found !== undefined) sessionStorage.setItem(place, found.token)
  return found !== undefined
}

/** @param {string} token */
export function becomeOperator(token) {
  sessionStorage.setItem(place, token)
}

/** @param {'POST' | 'PATCH' | 'DELETE'} method @param {string} path @param {unknown} [body] */
export async function writeAsOperator(method, path, body) {
  const send = () =>
    fetchJson(path, {
      method,
      headers: { authorization: `Bearer ${sessionStorage.getItem(place) ?? ''}` },
      ...(body === undefined ? {} : { body }),
    })
  try {
    return await send()
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error
    sessionStorage.removeItem(place)
    // Each start of the demonstration has a token of its own.
    if (!(await findOperator())) throw error
    return await send()
  }
}
