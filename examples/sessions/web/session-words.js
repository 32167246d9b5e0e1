// @ts-check
// What is said of sessions, wallets and the time that they take.

import { h } from '/kit/dom.js'

/**
 * @typedef {object} Session
 * @property {string} session_id
 * @property {string} a_addr
 * @property {string | null} b_addr
 * @property {string} status
 * @property {string} created_at
 * @property {string | null} started_at
 * @property {string | null} ended_at
 * @property {string | null} ended_by
 * @property {string | null} expires_at
 */

/** @type {Record<string, [label: string, tone: string]>} */
const statuses = {
  waiting: ['Waiting', 'accent'],
  invited: ['Invited', 'accent'],
  active: ['Active', 'good'],
  ended: ['Ended', 'quiet'],
  declined: ['Declined', 'warn'],
  cancelled: ['Cancelled', 'quiet'],
  expired: ['Expired', 'quiet'],
}

/** @param {string} status */
export function createStatusBadge(status) {
  const [label, tone] = statuses[status] ?? [status, 'quiet']
  return h('span', { class: `badge badge-${tone}` }, label)
}

/** @param {string} address */
export function shortAddress(address) {
  return address.length < 14 ? address : `${address.slice(0, 6)}…${address.slice(-4)}`
}

/** The other one. @param {Session} session @param {string} own @returns {string | null} */
export function partnerOf({ a_addr, b_addr }, own) {
  return a_addr === own ? b_addr : a_addr
}

/** 0:07, 12:34, 1:02:03 @param {number} durationMs */
function formatClock(durationMs) {
  const seconds = Math.max(0, Math.floor(durationMs / 1_000))
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  const parts = hours > 0 ? [hours, two(minutes), two(seconds % 60)] : [minutes, two(seconds % 60)]
  return parts.join(':')
}

/** @param {number} value */
function two(value) {
  return String(value).padStart(2, '0')
}

/** How long it went, or goes on. @param {Session} session @returns {string} */
export function durationOf({ started_at, ended_at }) {
  if (started_at === null) return ''
  return formatClock((ended_at === null ? Date.now() : Date.parse(ended_at)) - Date.parse(started_at))
}

/** Counts up from a time. @param {string} from */
export function createClock(from) {
  const clock = h('span', { class: 'clock', role: 'timer', 'data-clock': from })
  tick(clock)
  return clock
}

/** @param {HTMLElement} clock */
function tick(clock) {
  const text = formatClock(Date.now() - Date.parse(clock.dataset['clock'] ?? ''))
  if (clock.textContent !== text) clock.textContent = text
}

setInterval(() => {
  for (const clock of document.querySelectorAll('[data-clock]')) if (clock instanceof HTMLElement) tick(clock)
}, 1_000)
