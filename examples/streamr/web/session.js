// @ts-check
// Who one is. The demonstration believes whoever one says to be: people to choose from, remembered by this browser. A service with a
// sign-in of its own has no such list, and this page then shows what is open to everybody.

import { h } from '/kit/dom.js'
import { ApiError, orNothing } from '/kit/fetch-json.js'
import { read, write } from '/kit/reading.js'

/**
 * @typedef {object} Person
 * @property {string} user_id
 * @property {string} display_name
 * @property {string} wallet_address
 * @property {boolean} is_operator
 *
 * @typedef {object} Candidate
 * @property {string} user_id
 * @property {string} display_name
 * @property {boolean} is_operator
 */

const place = 'streamr-person'

/** @returns {Promise<{ people: readonly Candidate[], person: Person | undefined }>} */
export async function openSession() {
  const people = (await orNothing(read('/demo/people')))?.people ?? []
  const remembered = localStorage.getItem(place)
  const first = people[0]?.user_id
  for (const id of [remembered, first]) {
    if (id === null || id === undefined) continue
    const person = await become(id).catch((error) => {
      // Nobody by that id any more.
      if (error instanceof ApiError && (error.status === 404 || error.status === 400)) return
      throw error
    })
    if (person !== undefined) return { people, person }
  }
  return { people, person: undefined }
}

/** @param {string} userId @returns {Promise<Person>} */
export async function become(userId) {
  await write('POST', '/demo/session', { user_id: userId })
  localStorage.setItem(place, userId)
  return await read('/demo/session')
}

/** Somebody was chosen in another tab, which shares the cookie. @param {(userId: string) => void} listener */
export function onOtherTab(listener) {
  addEventListener('storage', ({ key, newValue }) => {
    if (key === place && newValue !== null) listener(newValue)
  })
}

/**
 * @param {{ people: readonly Candidate[], person: Person | undefined, onChoose: (userId: string) => void }} options
 * @returns {HTMLElement | undefined} undefined: there is nobody to choose from
 */
export function createPicker({ people, person, onChoose }) {
  if (people.length === 0) return undefined
  const isListed = people.some(({ user_id }) => user_id === person?.user_id)
  const select = h(
    'select',
    {
      class: 'select',
      'aria-label': 'Who you are',
      on: { change: () => onChoose(select.value) },
    },
    ...(person !== undefined && !isListed ? [optionOf(person.user_id, person.display_name)] : []),
    ...[true, false].map((isOperator) => {
      const those = people.filter(({ is_operator }) => is_operator === isOperator)
      if (those.length === 0) return
      const label = isOperator ? 'Operators' : 'People'
      return h('optgroup', { label }, ...those.map(({ user_id, display_name }) => optionOf(user_id, display_name)))
    }),
  )
  if (person !== undefined) select.value = person.user_id
  return select
}

/** @param {string} value @param {string} text */
function optionOf(value, text) {
  return h('option', { value }, text)
}
