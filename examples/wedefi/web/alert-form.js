// @ts-check
// A new alert: what it is about, what it measures, when it fires.

import { fill, h } from '/kit/dom.js'
import { ApiError } from '/kit/fetch-json.js'
import { pathOf, read } from '/kit/reading.js'
import { nameOfMetric } from './alert-words.js'
import { writeAsOperator } from './operator.js'
import { timeframes } from './risk.js'

const figures = ['volatility', 'var95', 'var99', 'maxDrawdown']
/** By what an alert is about. @type {Readonly<Record<string, readonly string[]>>} */
const metrics = {
  token: ['priceUsd', ...figures.flatMap((figure) => timeframes.map((timeframe) => `${figure}:${timeframe}`))],
  wallet: [
    'totalUsd',
    'change24h',
    ...figures.flatMap((figure) => timeframes.map((timeframe) => `${figure}:${timeframe}`)),
  ],
}

/** @param {string} metric */
const isShare = (metric) => metric !== 'priceUsd' && metric !== 'totalUsd'

/**
 * @param {{
 *   subject: URLSearchParams,
 *   onCreate: (alert: import('./alert-words.js').Alert) => void,
 *   onRefused: (error: ApiError) => void,
 * }} options `subject`: the id of a token or a wallet that it begins with. `onRefused`: the token of the operator is none.
 */
export function createAlertForm({ subject, onCreate, onRefused }) {
  const fields = createFields(subject)
  const failed = h('p', { class: 'say-error', role: 'alert' })
  const button = h('button', { class: 'button button-main', type: 'submit' }, 'Add the alert')
  const create = async () => {
    button.disabled = true
    try {
      const alert = await writeAsOperator('POST', '/alerts', readFields(fields))
      fill(failed)
      fields.threshold.input.value = fields.rearm.input.value = ''
      onCreate(alert)
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return onRefused(error)
      fill(failed, error instanceof Error ? error.message : String(error))
    } finally {
      button.disabled = false
    }
  }
  const element = h(
    'form',
    {
      class: 'form',
      novalidate: true,
      on: {
        submit: (event) => {
          event.preventDefault()
          void create()
        },
      },
    },
    ...Object.values(fields).map((one) => one.element),
    failed,
    button,
  )
  void fillTokens(fields.token.select, subject.get('tokenId')).catch((error) => fill(failed, String(error.message)))
  return { element }
}

/** In their order. What is about a token has no wallet, and the other way round. @param {URLSearchParams} subject */
function createFields(subject) {
  const walletId = subject.get('walletId')
  const fields = {
    about: choice('About', [
      ['token', 'A token'],
      ['wallet', 'A portfolio'],
    ]),
    token: choice('Token', []),
    wallet: field('Wallet', { placeholder: 'Its id', maxlength: 100 }),
    metric: choice('Watched', []),
    direction: choice('Fires', [
      ['above', 'above'],
      ['below', 'below'],
    ]),
    threshold: field('Threshold', { inputmode: 'decimal' }),
    rearm: field('Armed again at', { inputmode: 'decimal', placeholder: 'the threshold' }),
  }
  const { about, token, wallet, metric, threshold, rearm } = fields
  const drawMetrics = () => {
    const known = metrics[about.select.value] ?? []
    fill(metric.select, ...known.map((name) => h('option', { value: name }, nameOfMetric({ metric: name }))))
    token.element.hidden = about.select.value !== 'token'
    wallet.element.hidden = !token.element.hidden
    drawUnit()
  }
  const drawUnit = () => {
    const unit = isShare(metric.select.value) ? '%' : 'US dollars'
    threshold.unit.textContent = rearm.unit.textContent = unit
  }
  about.select.addEventListener('change', drawMetrics)
  metric.select.addEventListener('change', drawUnit)
  about.select.value = walletId === null ? 'token' : 'wallet'
  wallet.input.value = walletId ?? ''
  drawMetrics()
  return fields
}

/** As the service takes it: shares of 1, not per cent. @param {ReturnType<typeof createFields>} fields */
function readFields({ about, token, wallet, metric, direction, threshold, rearm }) {
  const name = metric.select.value
  const isToken = about.select.value === 'token'
  const least = decimalOf(threshold.input.value, name)
  if (!isToken && wallet.input.value.trim() === '') throw new Error('The id of a wallet is missing.')
  return {
    kind: name === 'priceUsd' ? 'price' : isShare(name) && name !== 'change24h' ? 'risk' : 'portfolio',
    metric: name,
    direction: direction.select.value,
    threshold: least,
    rearm: rearm.input.value.trim() === '' ? least : decimalOf(rearm.input.value, name),
    ...(isToken ? { tokenId: token.select.value } : { walletId: wallet.input.value.trim() }),
  }
}

/** The first ones, and the one that it begins with. @param {HTMLSelectElement} select @param {string | null} chosen */
async function fillTokens(select, chosen) {
  const { tokens } = await read('/tokens?limit=100')
  const isThere = chosen === null || tokens.some((/** @type {any} */ { id }) => id === chosen)
  const all = isThere ? tokens : [await read(pathOf`/tokens/${chosen}`), ...tokens]
  fill(
    select,
    ...all.map((/** @type {any} */ { id, symbol, name }) => h('option', { value: id }, `${symbol} · ${name}`)),
  )
  if (chosen !== null) select.value = chosen
}

/** @param {string} label @param {readonly (readonly [string, string])[]} choices */
function choice(label, choices) {
  const id = idOf(label)
  const select = h('select', { class: 'select', id }, ...choices.map(([value, text]) => h('option', { value }, text)))
  return { select, element: h('div', { class: 'field' }, h('label', { for: id }, label), select) }
}

/** @param {string} label @param {Record<string, unknown>} props */
function field(label, props) {
  const id = idOf(label)
  const input = h('input', { class: 'input', id, autocomplete: 'off', ...props })
  const unit = h('span', { class: 'quiet' })
  return {
    input,
    unit,
    element: h('div', { class: 'field' }, h('label', { class: 'field-label', for: id }, label, unit), input),
  }
}

/** 'Armed again at' → alert-armed-again-at @param {string} label */
function idOf(label) {
  return `alert-${label.toLowerCase().replaceAll(' ', '-')}`
}

/**
 * What somebody typed as decimal text, exact: '5' per cent is '0.05'.
 * @param {string} typed
 * @param {string} metric
 */
function decimalOf(typed, metric) {
  const text = typed.trim().replaceAll(',', '').replace('\u2212', '-')
  const [, sign, whole, fraction = ''] = /^(-?)(\d{1,20})(?:\.(\d{1,16}))?$/.exec(text) ?? []
  if (sign === undefined || whole === undefined) throw new Error('Expected a number such as 1250 or 0.5.')
  if (!isShare(metric)) return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`
  const digits = whole.padStart(3, '0')
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}${fraction}`
}
