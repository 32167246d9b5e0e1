// How an event is told: signed as Standard Webhooks has it, by the example of the standard itself; or by a line without values.

import { expect, test } from 'vitest'
import { createLogSender, signatureOf } from '../../../examples/wedefi/src/alerts/sender.ts'

test('a secret of the standard stands for its bytes, any other for itself', () => {
  const signed = 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
  const secret = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  expect(signatureOf(`whsec_${secret}`, signed)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  expect(signatureOf(secret, signed)).not.toBe(signatureOf(`whsec_${secret}`, signed))
})

test('without an address events go to the log, without values', async () => {
  const lines: string[] = []
  const send = createLogSender({ info: (line) => void lines.push(line) })
  const message = {
    key: 'wedefi-alert-7-1',
    alertId: '7',
    episode: 1,
    value: '11',
    at: '2026-11-01T12:00:00.000Z',
    kind: 'price',
    metric: 'priceUsd',
    direction: 'above',
    threshold: '10.5',
    tokenId: 'told',
    walletId: null,
  } as const
  expect(await send(message, { signal: new AbortController().signal })).toEqual({ isTaken: true })
  expect(lines).toEqual(['wedefi-alert-7-1: a price alert fired, priceUsd is above its threshold'])
})
