// @ts-check
// The queue of reports, for moderators: what is open, what one has taken, and what has been reported of late.

import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { createKeyed, createPagedList } from '/kit/paged-list.js'
import { pathOf, read, write } from '/kit/reading.js'
import { createSoon } from '/kit/soon.js'
import { createState } from '/kit/state.js'
import { createActing, createButton } from './acting.js'
import { createReportRow } from './report-row.js'
import { createStatistics } from './statistics.js'

/**
 * @typedef {object} Report
 * @property {string} report_id
 * @property {string} session_id
 * @property {string} reporter
 * @property {string} reported
 * @property {string} reason
 * @property {string | null} detail
 * @property {string} status
 * @property {string} created_at
 * @property {string | null} claimed_by
 */

/** @param {import('./page.js').Context} context @returns {import('./page.js').View} */
export function createModerationView({ account, say }) {
  const acting = createActing()
  /** @param {string} path @param {string} done @param {unknown} [body] */
  const doing = (path, done, body) => async (/** @type {HTMLButtonElement} */ button) => {
    if (await acting.run(button, () => write('POST', path, body))) say(done)
    refresh()
  }
  const statistics = createStatistics()
  const desk = createDesk({ doing })
  const queue = createQueue({ doing, own: account.address })
  const parts = [statistics, desk, queue]
  const refresh = createSoon(() => {
    for (const part of parts) void part.refresh()
  }, 500)
  const next = createButton('Take the oldest', doing('/moderation/reports/next/claim', 'Taken'), {
    look: 'button-main',
  })
  return {
    title: 'Moderation',
    element: h(
      'div',
      { class: 'view' },
      h(
        'div',
        { class: 'page-head' },
        h(
          'div',
          null,
          h('h1', null, 'Moderation'),
          h('p', null, 'Reports, the oldest first. What you take is yours until you decide or give it back.'),
        ),
        next,
      ),
      acting.element,
      statistics.tiles,
      h('div', { class: 'grid' }, h('div', { class: 'stack span-7' }, desk.element, queue.element), statistics.element),
    ),
    refresh,
    onReport: refresh,
    close: () => {
      refresh.cancel()
      for (const part of parts) part.close()
    },
  }
}

/** @typedef {(path: string, done: string, body?: unknown) => (button: HTMLButtonElement) => unknown} Doing */

/** What one has taken. @param {{ doing: Doing }} hands */
function createDesk({ doing }) {
  const host = h('div', { id: 'desk' })
  const list = h('ul', { class: 'rows', 'aria-label': 'Your desk' })
  const keyed = createKeyed(list, {
    keyOf: (/** @type {Report} */ { report_id }) => report_id,
    row: (report) => ({
      element: createReportRow(report, {
        onRelease: doing(pathOf`/moderation/reports/${report.report_id}/release`, 'Given back'),
        onDecide: (decision) => doing(pathOf`/moderation/reports/${report.report_id}/resolve`, 'Decided', decision),
      }),
    }),
  })
  const state = createState(host, {
    load: async (signal) => /** @type {Report[]} */ ((await read('/moderation/desk', signal)).reports),
    isEmpty: (reports) => reports.length === 0,
    render: (reports, body) => {
      if (!body.contains(list)) fill(body, list)
      keyed.update(reports)
    },
    empty: { title: 'Your desk is empty', hint: 'Take a report out of the queue.' },
    rows: 2,
  })
  return {
    element: createCard({ title: 'Your desk' }, host),
    refresh: state.refresh,
    close: state.close,
  }
}

/** @param {{ doing: Doing, own: string }} hands */
function createQueue({ doing, own }) {
  const host = h('div', { id: 'queue' })
  const list = createPagedList(host, {
    name: 'reports',
    path: () => '/moderation/queue?limit=10',
    keyOf: (/** @type {Report} */ { report_id }) => report_id,
    row: (report) => ({
      element: createReportRow(
        report,
        report.reporter === own || report.reported === own
          ? {}
          : { onTake: doing(pathOf`/moderation/reports/${report.report_id}/claim`, 'Taken') },
      ),
    }),
    label: 'Open reports',
    empty: { title: 'The queue is empty', hint: 'A report appears here as soon as somebody sends one.' },
    more: 'Show more reports',
    rows: 5,
  })
  return {
    element: createCard({ title: 'Open' }, host),
    refresh: list.refresh,
    close: list.close,
  }
}
