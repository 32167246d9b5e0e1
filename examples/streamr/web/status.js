// @ts-check
// How a node or a stream is: a colour and a shape, for those who see few colours, and a word.

import { h, s } from '/kit/dom.js'

/**
 * @typedef {'ACTIVE' | 'PENDING' | 'STALE' | 'OFFLINE' | 'SUSPENDED'} NodeStatus
 * @typedef {{ label: string, tone: string, path: string, isHollow: boolean }} Look
 */

/** Shapes stand within a circle of the radius 1. @type {Record<NodeStatus, Look>} */
const looks = {
  ACTIVE: { label: 'Active', tone: 'good', path: 'M-.9 0a.9 .9 0 1 0 1.8 0a.9 .9 0 1 0 -1.8 0z', isHollow: false },
  PENDING: { label: 'Pending', tone: 'new', path: 'M-.8 0a.8 .8 0 1 0 1.6 0a.8 .8 0 1 0 -1.6 0z', isHollow: true },
  STALE: { label: 'Stale', tone: 'warn', path: 'M0 -1.05L1 .8H-1z', isHollow: false },
  OFFLINE: { label: 'Offline', tone: 'bad', path: 'M-.8 -.8H.8V.8H-.8z', isHollow: false },
  SUSPENDED: { label: 'Suspended', tone: 'off', path: 'M0 -1.1L1.1 0L0 1.1L-1.1 0z', isHollow: true },
}

/** As a list and a ring of a group have them. */
export const nodeStatuses = /** @type {readonly NodeStatus[]} */ (Object.keys(looks))

/** The higher, the sooner somebody should look at it. @param {string} status */
export function severityOf(status) {
  return nodeStatuses.indexOf(/** @type {NodeStatus} */ (status))
}

/** @param {string} status @returns {Look} */
export function lookOf(status) {
  return looks[/** @type {NodeStatus} */ (status)] ?? looks.PENDING
}

/** @param {string} status */
export function drawStatus(status) {
  const { tone, path, isHollow } = lookOf(status)
  return s('path', { class: `mark mark-${tone}${isHollow ? ' mark-hollow' : ''}`, d: path })
}

/** @param {string} status */
export function createNodeBadge(status) {
  const { label, tone } = lookOf(status)
  return h(
    'span',
    { class: `badge status status-${tone}` },
    s('svg', { viewBox: '-1.4 -1.4 2.8 2.8', width: 12, height: 12, 'aria-hidden': 'true' }, drawStatus(status)),
    label,
  )
}

/** @type {Record<string, [label: string, tone: string]>} */
const streams = {
  ACTIVE: ['On air', 'good'],
  PENDING: ['Pending', 'accent'],
  PAUSED: ['Paused', 'warn'],
  ENDED: ['Ended', 'quiet'],
}

/** @param {string} status */
export function createStreamBadge(status) {
  const [label, tone] = streams[status] ?? [status, 'quiet']
  return h('span', { class: `badge badge-${tone}` }, label)
}
