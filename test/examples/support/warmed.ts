// What a service asks of itself before its first client does.

import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { expect, vi } from 'vitest'

/** All of it is understood, and there. */
export async function expectWarmed(app: FastifyInstance, warmUp: () => Promise<void>): Promise<void> {
  const asked = vi.spyOn(app, 'inject')
  await warmUp()
  const answers = await Promise.all(asked.mock.results.map(({ value }) => value as Promise<LightMyRequestResponse>))
  asked.mockRestore()
  expect(answers.length).toBeGreaterThan(10)
  expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
}
