// @ts-check
// What one can do about somebody: report a session, block a wallet.

import { h } from '/kit/dom.js'
import { pathOf, write } from '/kit/reading.js'
import { askBefore, createField } from './dialog.js'
import { shortAddress } from './session-words.js'

/** Those that the service knows. @type {readonly (readonly [value: string, text: string])[]} */
export const reasons = [
  ['spam', 'Spam'],
  ['scam', 'A scam'],
  ['abuse', 'Abuse'],
  ['impersonation', 'Pretends to be somebody else'],
  ['other', 'Something else'],
]

/** @param {{ sessionId: string, partner: string }} options */
export async function askForReport({ sessionId, partner }) {
  const reason = h(
    'select',
    { class: 'select', name: 'reason' },
    ...reasons.map(([value, text]) => h('option', { value }, text)),
  )
  const detail = h('textarea', { class: 'input', name: 'detail', rows: 3, maxlength: 2_000 })
  return await askBefore({
    title: `Report ${shortAddress(partner)}`,
    about: 'A moderator looks at it. Who is reported is not told by whom.',
    fields: [createField('What it was', reason), createField('What happened, if you like to say', detail)],
    action: 'Send the report',
    work: async () => {
      const said = detail.value.trim()
      await write('POST', '/reports', {
        session_id: sessionId,
        reason: reason.value,
        ...(said === '' ? {} : { detail: said }),
      })
    },
  })
}

/** @param {string} address */
export async function askForBlock(address) {
  const reason = h('input', { class: 'input', name: 'reason', maxlength: 200 })
  return await askBefore({
    title: `Block ${shortAddress(address)}`,
    about: 'You will not be matched again, neither sees the other, and a session of you two ends.',
    fields: [createField('Why, for yourself', reason)],
    action: 'Block',
    isHarsh: true,
    work: async () => {
      const said = reason.value.trim()
      await write('PUT', pathOf`/blocks/${address}`, said === '' ? {} : { reason: said })
    },
  })
}
