// @ts-check
// What a button does at the service: once at a time, and what is refused is told beside it.

import { fill, h } from '/kit/dom.js'
import { isTakenCareOf } from '/kit/reading.js'

/** @returns {{ element: HTMLElement, run: (button: HTMLButtonElement, work: () => Promise<unknown>) => Promise<boolean> }} `run`: whether it was done */
export function createActing() {
  const element = h('p', { class: 'say-error', role: 'alert' })
  return {
    element,
    run: async (button, work) => {
      button.disabled = true
      fill(element)
      try {
        await work()
        return true
      } catch (error) {
        if (!isTakenCareOf(error)) fill(element, error instanceof Error ? error.message : String(error))
        return false
      } finally {
        button.disabled = false
      }
    },
  }
}

/**
 * @param {string} text
 * @param {(button: HTMLButtonElement) => unknown} onClick
 * @param {{ look?: string, label?: string }} [options] `look`: classes. `label`: where the text alone does not say of what.
 */
export function createButton(text, onClick, { look = '', label } = {}) {
  const button = h('button', { class: `button ${look}`, type: 'button', 'aria-label': label }, text)
  button.addEventListener('click', () => void onClick(button))
  return button
}
