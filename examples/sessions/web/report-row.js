// @ts-check
// A report in a list: what was said, of whom and by whom, and what a moderator may do with it.

import { createAgo } from '/kit/ago.js'
import { h } from '/kit/dom.js'
import { createButton } from './acting.js'
import { createAvatar } from './avatar.js'
import { reasons } from './dealings.js'
import { createField } from './dialog.js'
import { shortAddress } from './session-words.js'

/**
 * @typedef {{ status: 'dismissed' | 'upheld', resolution: string, effect: string }} Decision
 * @typedef {object} ReportHands What is not given is not to be done here.
 * @property {(button: HTMLButtonElement) => unknown} [onTake]
 * @property {(button: HTMLButtonElement) => unknown} [onRelease]
 * @property {(decision: Decision) => (button: HTMLButtonElement) => unknown} [onDecide]
 */

const texts = new Map(reasons)
/** @type {readonly (readonly [value: string, text: string])[]} */
const effects = [
  ['none', 'nothing comes of it'],
  ['suspend', 'the wallet is suspended'],
  ['ban', 'the wallet is banned'],
]

/** @param {import('./moderation-view.js').Report} report @param {ReportHands} hands */
export function createReportRow(report, { onTake, onRelease, onDecide }) {
  const { reporter, reported, reason, detail, created_at, session_id, report_id } = report
  const named = `report ${report_id}`
  return h(
    'li',
    { class: 'report', 'data-report': report_id },
    createAvatar(reported),
    h(
      'div',
      { class: 'row-main' },
      h(
        'span',
        { class: 'row-line' },
        h('span', { class: 'row-name address', title: reported }, shortAddress(reported)),
        h('span', { class: 'badge badge-warn' }, texts.get(reason) ?? reason),
      ),
      detail !== null && h('p', { class: 'report-detail' }, detail),
      h(
        'span',
        { class: 'row-note' },
        'by ',
        h('span', { class: 'address', title: reporter }, shortAddress(reporter)),
        ', ',
        createAgo(created_at),
        `, session ${session_id}`,
      ),
    ),
    onTake !== undefined && createButton('Take', onTake, { look: 'button-small', label: `Take ${named}` }),
    onRelease !== undefined &&
      createButton('Give back', onRelease, { look: 'button-small', label: `Give back ${named}` }),
    onDecide !== undefined && createDecision(named, onDecide),
  )
}

/** @param {string} named @param {(decision: Decision) => (button: HTMLButtonElement) => unknown} onDecide */
function createDecision(named, onDecide) {
  const note = h('input', { class: 'input', name: 'resolution', maxlength: 2_000, required: true, autocomplete: 'off' })
  const effect = h(
    'select',
    { class: 'select', name: 'effect' },
    ...effects.map(([value, text]) => h('option', { value }, text)),
  )
  /** @param {Decision['status']} status */
  const decide = (status) => (/** @type {HTMLButtonElement} */ button) => {
    if (!note.reportValidity()) return
    void onDecide({ status, resolution: note.value.trim(), effect: status === 'upheld' ? effect.value : 'none' })(
      button,
    )
  }
  return h(
    'div',
    { class: 'decision' },
    createField('Why', note),
    createField('If upheld', effect),
    h(
      'span',
      { class: 'row-buttons' },
      createButton('Uphold', decide('upheld'), { look: 'button-harsh', label: `Uphold ${named}` }),
      createButton('Dismiss', decide('dismissed'), { label: `Dismiss ${named}` }),
    ),
  )
}
