// @ts-check
// A question before something is done: its fields, a button that does it, one that does not. Escape closes it; the focus goes back to
// where it was. It does not outlive the view that asked.

import { fill, h } from '/kit/dom.js'
import { isTakenCareOf } from '/kit/reading.js'

/**
 * @param {{
 *   title: string, about?: string, fields?: readonly HTMLElement[], action: string, isHarsh?: boolean, work: () => Promise<unknown>,
 * }} options `isHarsh`: it cannot be undone easily.
 * @returns {Promise<boolean>} whether it was done
 */
export function askBefore({ title, about, fields = [], action, isHarsh = false, work }) {
  return new Promise((resolve) => {
    const failed = h('p', { class: 'say-error', role: 'alert' })
    const act = h('button', { class: `button ${isHarsh ? 'button-harsh' : 'button-main'}`, type: 'submit' }, action)
    const form = h(
      'form',
      { class: 'form' },
      h('h2', { id: 'dialog-title' }, title),
      about !== undefined && h('p', { class: 'soft' }, about),
      ...fields,
      failed,
      h(
        'div',
        { class: 'dialog-foot' },
        h('button', { class: 'button', type: 'button', on: { click: () => dialog.close() } }, 'Not now'),
        act,
      ),
    )
    const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title' }, form)
    let isDone = false
    const submit = async () => {
      act.disabled = true
      fill(failed)
      try {
        await work()
        isDone = true
        dialog.close()
      } catch (error) {
        if (isTakenCareOf(error)) return
        fill(failed, error instanceof Error ? error.message : String(error))
        act.disabled = false
      }
    }
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void submit()
    })
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(isDone)
    })
    document.body.append(dialog)
    dialog.showModal()
  })
}

/** Another view is opened. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) dialog.close()
}

/** @param {string} label @param {HTMLElement} control */
export function createField(label, control) {
  return h('label', { class: 'field' }, h('span', null, label), control)
}
