// @ts-check
// Alerts in words: what one is about, when it fires, what was measured.

import { formatPrice, formatShare, formatShareChange, formatUsd, shorten } from './money.js'

/**
 * @typedef {object} Alert
 * @property {string} id
 * @property {'price' | 'portfolio' | 'risk'} kind
 * @property {string | null} walletId
 * @property {string | null} tokenId
 * @property {string} metric
 * @property {'above' | 'below'} direction
 * @property {string} threshold
 * @property {string} rearm
 * @property {'armed' | 'fired' | 'paused'} status
 * @property {number} episode
 * @property {string | null} firedAt
 * @property {string | null} [symbol] Of the token.
 * @property {string | null} [label] Of the wallet.
 * @property {string | null} [address] Of the wallet.
 */

/** @type {Record<string, string>} */
const figures = {
  volatility: 'volatility',
  var95: 'value at risk (95 %)',
  var99: 'value at risk (99 %)',
  maxDrawdown: 'largest drawdown',
}

/** @param {Pick<Alert, 'metric'>} alert */
export function nameOfMetric({ metric }) {
  if (metric === 'priceUsd') return 'price'
  if (metric === 'totalUsd') return 'value'
  if (metric === 'change24h') return 'change in 24 h'
  const [figure = '', timeframe = ''] = metric.split(':')
  return `${figures[figure] ?? figure} of ${timeframe}`
}

/** @param {Pick<Alert, 'symbol' | 'tokenId' | 'walletId' | 'label' | 'address'>} alert */
export function nameOfSubject({ symbol, tokenId, walletId, label, address }) {
  if (tokenId !== null) return symbol ?? shorten(tokenId)
  return label ?? (address == null ? shorten(walletId ?? '') : shorten(address))
}

/** A value of what the alert watches. @param {Pick<Alert, 'metric'>} alert @param {string} value */
export function formatMeasured({ metric }, value) {
  if (metric === 'priceUsd') return formatPrice(value)
  if (metric === 'totalUsd') return formatUsd(value)
  if (metric === 'change24h') return formatShareChange(Number(value))
  return formatShare(Number(value))
}

/** 'ETH: price above $2,000.00' @param {Alert} alert */
export function describeAlert(alert) {
  return `${nameOfSubject(alert)}: ${nameOfMetric(alert)} ${alert.direction} ${formatMeasured(alert, alert.threshold)}`
}
