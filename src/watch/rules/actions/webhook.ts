// Tells a web address, as JSON in a POST, by the rules of Standard Webhooks: webhook-id (the same in every try), webhook-timestamp,
// and webhook-signature, HMAC-SHA256 over 'id.timestamp.body', for whoever has the secret.
//
// What is bounded: one try by its timeout, from the first byte to the last; five tries within 13 minutes; of an answer at most 200
// characters are kept, and those only where it is a refusal. Redirects are not followed: a message goes where it was declared to go
// or nowhere. 408, 429, 5xx and what never answered are tried again; other refusals are final. Neither address nor secret nor a
// header is in a failure.

import { createHmac } from 'node:crypto'
import type { Clock } from '../../../base/clock.ts'
import { messageOf } from '../../../base/errors.ts'
import type { AlertMessage } from '../message.ts'
import type { WebhookSettings } from '../options.ts'
import type { Action, Done, Failed } from './action.ts'

const waitsMs = [5_000, 30_000, 120_000, 600_000]
const keptCharacters = 200

export function createWebhook(settings: WebhookSettings, clock: Clock): Action {
  return {
    name: settings.name,
    hears: ['fired', 'resolved'],
    limitMs: settings.timeoutMs,
    waitsMs,
    isInside: false,
    reachesOut: true,
    run: (message, { signal }) => post(settings, { message, clock, signal }),
  }
}

interface Post {
  readonly message: AlertMessage
  readonly clock: Clock
  readonly signal: AbortSignal
}

async function post(settings: WebhookSettings, { message, clock, signal }: Post): Promise<Done | Failed> {
  const body = JSON.stringify(message)
  const timestamp = String(Math.floor(clock.now() / 1_000))
  try {
    const response = await fetch(settings.url, {
      method: 'POST',
      headers: {
        'user-agent': 'pgstrata',
        ...settings.headers,
        'content-type': 'application/json',
        'webhook-id': message.id,
        'webhook-timestamp': timestamp,
        ...(settings.secret === undefined
          ? {}
          : { 'webhook-signature': sign(settings.secret, `${message.id}.${timestamp}.${body}`) }),
      },
      body,
      redirect: 'manual',
      signal,
    })
    if (response.ok) {
      await response.body?.cancel().catch(() => undefined)
      return { kind: 'done', report: { status: response.status } }
    }
    return await describeRefusal(response)
  } catch (error) {
    return { kind: 'failed', failure: describeFailure(error, signal, settings.timeoutMs), isWorthRetrying: true }
  }
}

async function describeRefusal(response: Response): Promise<Failed> {
  const { status } = response
  const isWorthRetrying = status === 408 || status === 429 || status >= 500
  const said = await readStart(response).catch(() => '')
  const text = status >= 300 && status < 400 ? 'a redirect, which is not followed' : said
  return { kind: 'failed', failure: text === '' ? `HTTP ${status}` : `HTTP ${status}: ${text}`, isWorthRetrying }
}

/** However much is sent: no more of it than is kept is waited for. */
async function readStart({ body }: Response): Promise<string> {
  if (body === null) return ''
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (text.length < keptCharacters) {
    const { done, value } = await reader.read()
    if (done) break
    text += value
  }
  await reader.cancel().catch(() => undefined)
  return text
    .slice(0, keptCharacters)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
}

/** By the code of the system alone: a message of fetch may quote the address. */
function describeFailure(error: unknown, signal: AbortSignal, timeoutMs: number): string {
  if (signal.aborted) return `no answer within ${timeoutMs} ms`
  const cause = error instanceof Error ? error.cause : undefined
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  return typeof code === 'string'
    ? `no answer: ${code}`
    : `no answer: ${error instanceof TypeError ? 'the connection failed' : messageOf(error)}`
}

/** A secret of Standard Webhooks stands for its bytes; any other for itself. */
function sign(secret: string, text: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  return `v1,${createHmac('sha256', key).update(text).digest('base64')}`
}
