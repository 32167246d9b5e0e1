// The ways to tell of an event: a POST to an address, signed by the rules of Standard Webhooks, or a line of the log.
//
// A receiver that knows the secret computes HMAC-SHA256 over `webhook-id.webhook-timestamp.body` and compares it with `webhook-signature`; by
// `webhook-id` it knows what comes again. A secret that begins with `whsec_` stands for the bytes that follow it in base64, any other for itself.
//
// 200 to 299 is a success. 408, 429, 5xx and no answer in time are worth another attempt; any other answer is final, redirects too. Of an answer
// only its status is read.

import { createHmac } from 'node:crypto'
import type { Logger } from 'pgstrata'
import type { AlertMessage } from './message.ts'
import type { Refusal } from './outbox.ts'

type Sent = { readonly isTaken: true } | ({ readonly isTaken: false } & Refusal)

export type Send = (message: AlertMessage, how: { readonly signal: AbortSignal }) => Promise<Sent>

export interface WebhookOptions {
  readonly url: string
  readonly secret?: string | undefined
}

export function createWebhook({ url, secret }: WebhookOptions): Send {
  return async (message, { signal }) => {
    const body = JSON.stringify(message)
    const timestamp = String(Math.floor(Date.now() / 1_000))
    const signed = `${message.key}.${timestamp}.${body}`
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'webhook-id': message.key,
          'webhook-timestamp': timestamp,
          ...(secret === undefined ? {} : { 'webhook-signature': signatureOf(secret, signed) }),
        },
        body,
        redirect: 'manual',
        signal,
      })
      await response.body?.cancel().catch(() => undefined)
      return readStatus(response.status)
    } catch (error) {
      // By its code: a message of fetch may quote the address.
      const failure = signal.aborted ? 'no answer in time' : `no answer: ${codeOf(error)}`
      return { isTaken: false, failure, isFinal: false }
    }
  }
}

/** Of 'id.timestamp.body'. */
export function signatureOf(secret: string, text: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  return `v1,${createHmac('sha256', key).update(text).digest('base64')}`
}

export function createLogSender(logger: Pick<Logger, 'info'>): Send {
  return async ({ key, kind, metric, direction }) => {
    logger.info(`${key}: a ${kind} alert fired, ${metric} is ${direction} its threshold`)
    return await Promise.resolve({ isTaken: true })
  }
}

function readStatus(status: number): Sent {
  if (status >= 200 && status < 300) return { isTaken: true }
  const isWorthAnother = status === 408 || status === 429 || status >= 500
  return { isTaken: false, failure: `HTTP ${status}`, isFinal: !isWorthAnother }
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause as { readonly code?: unknown } | undefined) : undefined
  return typeof cause?.code === 'string' ? cause.code : 'the connection failed'
}
