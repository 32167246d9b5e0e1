// @ts-check
// Alerts: which there are, what fired and when, a new one. Operators add, pause and delete; everybody sees.

import { createAgo } from '/kit/ago.js'
import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { ApiError } from '/kit/fetch-json.js'
import { createPagedList } from '/kit/paged-list.js'
import { pathOf } from '/kit/reading.js'
import { createSegments } from '/kit/segments.js'
import { createSoon } from '/kit/soon.js'
import { createAlertForm } from './alert-form.js'
import { describeAlert, formatMeasured, nameOfMetric, nameOfSubject } from './alert-words.js'
import { formatPrice } from './money.js'
import { becomeOperator, findOperator, writeAsOperator } from './operator.js'

/** @typedef {import('./alert-words.js').Alert} Alert */
/** @typedef {{ id: string, alertId: string, episode: number, value: string, at: string, deliveredAt: string | null, attempts: number, alert: Alert }} AlertEvent */

const everyMs = 1_000

/** @param {import('./page.js').Context} context @returns {import('./page.js').View} */
export function createAlertsView({ say }) {
  const isOperator = { value: false }
  const acting = createActing({ say, onDone: () => list.refresh(), onRefused: () => adding.show() })
  const list = createAlerts({ acting, isOperator })
  const events = createEvents()
  const adding = createAdding({
    onOperator: (is) => {
      isOperator.value = is
      list.redraw()
    },
    onCreate: (alert) => {
      say(`Added: ${describeAlert(alert)}`)
      void list.refresh()
    },
    onRefused: acting.fail,
  })
  adding.show()
  const refreshList = createSoon(list.refresh, everyMs)
  const refreshEvents = createSoon(events.refresh, everyMs)
  return {
    title: 'Alerts',
    element: h(
      'div',
      { class: 'view' },
      h('h1', null, 'Alerts'),
      h('div', { class: 'grid' }, h('div', { class: 'stack span-7' }, list.element, events.element), adding.element),
    ),
    refresh: () => {
      refreshList()
      refreshEvents()
    },
    topics: () => [
      { topic: { table: 'Alert' }, onChange: refreshList },
      { topic: { table: 'AlertEvent' }, onChange: refreshEvents },
    ],
    close: () => {
      refreshList.cancel()
      refreshEvents.cancel()
      list.close()
      events.close()
    },
  }
}

/** @typedef {ReturnType<typeof createActing>} Acting */

/**
 * What operators do with an alert, and what is said of it.
 * @param {{ say: (text: string) => void, onDone: () => Promise<void>, onRefused: () => void }} options `onRefused`: for want of a token that counts.
 */
function createActing({ say, onDone, onRefused }) {
  const element = h('p', { class: 'say-error', role: 'alert' })
  /** @param {unknown} error */
  const fail = (error) => {
    fill(element, error instanceof Error ? error.message : String(error))
    if (error instanceof ApiError && error.status === 401) onRefused()
  }
  return {
    element,
    fail,
    /** @param {() => Promise<unknown>} work @param {string} done What is said then. */
    run: async (work, done) => {
      try {
        await work()
        fill(element)
        say(done)
        await onDone()
      } catch (error) {
        fail(error)
      }
    },
  }
}

/**
 * A new alert, for operators; for others, a way to become one.
 * @param {{ onOperator: (is: boolean) => void, onCreate: (alert: Alert) => void, onRefused: (error: ApiError) => void }} options
 */
function createAdding({ onOperator, onCreate, onRefused }) {
  const place = h('div', { id: 'alert-form' })
  // Decoded once, by what reads queries: an id may have a + or a %.
  const subject = new URLSearchParams(location.hash.split('?')[1])
  const draw = async () => {
    const isOperator = await findOperator().catch(() => false)
    onOperator(isOperator)
    fill(place, isOperator ? createAlertForm({ subject, onCreate, onRefused }).element : createSignIn(show))
  }
  const show = () => void draw()
  return { element: createCard({ title: 'New alert', look: 'span-5 side' }, place), show }
}

/** @param {() => void} onToken */
function createSignIn(onToken) {
  const input = h('input', {
    class: 'input',
    id: 'operator-token',
    type: 'password',
    autocomplete: 'off',
    required: true,
  })
  return h(
    'form',
    {
      class: 'form',
      on: {
        submit: (event) => {
          event.preventDefault()
          becomeOperator(input.value)
          onToken()
        },
      },
    },
    h('p', { class: 'soft' }, 'Operators add, pause and delete alerts.'),
    h('label', { class: 'field', for: 'operator-token' }, 'Token of an operator', input),
    h('button', { class: 'button button-main', type: 'submit' }, 'Go on'),
  )
}

/** @param {{ acting: Acting, isOperator: { readonly value: boolean } }} options */
function createAlerts({ acting, isOperator }) {
  let status = ''
  const host = h('div', { id: 'alerts' })
  const list = createPagedList(host, {
    name: 'alerts',
    path: () => `/alerts?limit=10${status === '' ? '' : `&status=${status}`}`,
    keyOf: (/** @type {Alert} */ { id }) => id,
    row: (alert) => createAlertRow(alert, { act: acting.run, isOperator }),
    label: 'Alerts',
    empty: {
      title: 'No alerts',
      hint: 'One watches a price, a portfolio or a risk, and fires when it is beyond its threshold.',
    },
    more: 'Show older alerts',
  })
  const segments = createSegments({
    label: 'Alerts that are shown',
    choices: [
      ['', 'All'],
      ['armed', 'Armed'],
      ['fired', 'Fired'],
      ['paused', 'Paused'],
    ],
    onChoose: (chosen) => {
      status = chosen
      void list.begin()
    },
  })
  return {
    element: createCard({ title: 'Watched', aside: segments }, acting.element, host),
    refresh: list.refresh,
    redraw: () => list.change((items) => [...items]),
    close: list.close,
  }
}

const looks = /** @type {const} */ ({ armed: ['Armed', 'good'], fired: ['Fired', 'bad'], paused: ['Paused', 'quiet'] })

/**
 * @param {Alert} alert
 * @param {{ act: Acting['run'], isOperator: { readonly value: boolean } }} options
 */
function createAlertRow({ id, tokenId, walletId }, { act, isOperator }) {
  const href = tokenId === null ? pathOf`#/wallets/${walletId ?? ''}` : pathOf`#/tokens/${tokenId}`
  const name = h('a', { class: 'row-name', href })
  const badge = h('span')
  const note = h('span', { class: 'row-note' })
  const pause = h('button', { class: 'button button-small', type: 'button' })
  const remove = h('button', { class: 'button button-small button-quiet', type: 'button' }, 'Delete')
  const buttons = h('span', { class: 'row-buttons' }, pause, remove)
  /** @type {Alert | undefined} */
  let shown
  pause.addEventListener('click', () => {
    const next = shown?.status === 'paused' ? 'armed' : 'paused'
    void act(
      () => writeAsOperator('PATCH', pathOf`/alerts/${id}`, { status: next }),
      next === 'paused' ? 'The alert is paused' : 'The alert is armed',
    )
  })
  remove.addEventListener(
    'click',
    () => void act(() => writeAsOperator('DELETE', pathOf`/alerts/${id}`), 'The alert is deleted'),
  )
  return {
    element: h(
      'li',
      { 'data-alert': id },
      h('span', { class: 'row-main' }, h('span', { class: 'row-line' }, name, badge), note),
      buttons,
    ),
    /** @param {Alert} alert */
    set: (alert) => {
      shown = alert
      const { status, direction, threshold, rearm, episode, firedAt } = alert
      const [label, tone] = looks[status]
      name.textContent = nameOfSubject(alert)
      fill(badge, h('span', { class: `badge badge-${tone}` }, label))
      const again = rearm === threshold ? '' : `, again once it is back at ${formatMeasured(alert, rearm)}`
      fill(
        note,
        `${nameOfMetric(alert)} ${direction} ${formatMeasured(alert, threshold)}${again} · `,
        episode === 0 ? 'has not fired' : `fired ${episode === 1 ? 'once' : `${episode} times`}`,
        firedAt === null ? null : ', last ',
        firedAt === null ? null : createAgo(firedAt),
      )
      buttons.hidden = !isOperator.value
      pause.textContent = status === 'paused' ? 'Resume' : 'Pause'
      pause.setAttribute('aria-label', `${pause.textContent}: ${describeAlert(alert)}`)
      remove.setAttribute('aria-label', `Delete: ${describeAlert(alert)}`)
    },
  }
}

function createEvents() {
  const host = h('div', { id: 'events' })
  const list = createPagedList(host, {
    name: 'events',
    path: () => '/alerts/events?limit=10',
    keyOf: (/** @type {AlertEvent} */ { id }) => id,
    row: createEventRow,
    label: 'Alerts that fired',
    empty: { title: 'Nothing has fired', hint: 'What fires appears here at once, and is told to whoever listens.' },
    more: 'Show older ones',
  })
  return {
    element: createCard({ title: 'Fired' }, host),
    refresh: list.refresh,
    close: list.close,
  }
}

/** @param {AlertEvent} event */
function createEventRow({ id, alert, value, at }) {
  const told = h('span')
  const measured = alert.metric === 'priceUsd' ? formatPrice(value) : formatMeasured(alert, value)
  return {
    element: h(
      'li',
      { 'data-event': id },
      h(
        'span',
        { class: 'row-main' },
        h('span', { class: 'row-name' }, describeAlert(alert)),
        h('span', { class: 'row-note' }, createAgo(at), ' · ', told),
      ),
      h('span', { class: 'row-number' }, measured),
    ),
    /** @param {AlertEvent} event */
    set: ({ deliveredAt, attempts }) => {
      told.textContent =
        deliveredAt !== null
          ? 'told'
          : attempts === 0
            ? 'to be told'
            : `tried ${attempts === 1 ? 'once' : `${attempts} times`}`
    },
  }
}
