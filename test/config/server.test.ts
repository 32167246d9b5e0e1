// `server` of a configuration: its defaults, names of tokens, and what is refused.

import { expect, test } from 'vitest'
import { isLoopback, parseServer } from '../../src/config/server.ts'
import { resolveConfig } from '../../src/config/index.ts'

const first = 'first-token-of-them'
const second = 'second-token-of-them'

const resolve = (server: unknown): unknown =>
  resolveConfig({ database: { primary: 'postgres://localhost/app' }, server }, { root: '/', name: 'test' }).server

test('nothing listens where it is not declared', () => {
  expect(resolve(undefined)).toBeUndefined()
})

test('everything has a default', () => {
  expect(resolve({})).toEqual({
    host: '127.0.0.1',
    port: 8_432,
    tokens: { read: [], manage: [] },
    connections: 2_000,
    requestTimeoutMs: 10_000,
    graceMs: 10_000,
  })
})

test('tokens are one, several, or by name; each has a name for the audit', () => {
  expect(resolve({ tokens: { read: first, manage: [first, second] } })).toMatchObject({
    tokens: {
      read: [{ name: 'read', token: first }],
      manage: [
        { name: 'manage', token: first },
        { name: 'manage 2', token: second },
      ],
    },
  })
  expect(resolve({ tokens: { manage: { alice: first, deploy: second } } })).toMatchObject({
    tokens: {
      manage: [
        { name: 'alice', token: first },
        { name: 'deploy', token: second },
      ],
    },
  })
})

test.each([
  ['a short token', { tokens: { read: 'hunter2' } }, 'server.tokens.read'],
  ['a short one of several', { tokens: { manage: [first, 'hunter2'] } }, 'server.tokens.manage'],
  ['a short one by name', { tokens: { manage: { alice: 'hunter2' } } }, 'server.tokens.manage'],
  ['a token that no header can carry', { tokens: { read: 'hunter2 with spaces in it' } }, 'server.tokens.read'],
  ['an address of others without tokens', { host: '0.0.0.0' }, 'server.host'],
  ['every address without tokens', { host: '::' }, 'server.host'],
  ['a name without tokens', { host: 'db.example.com' }, 'server.host'],
  ['a port that is none', { port: 70_000 }, 'server.port'],
  ['a key that there is not', { tokens: { write: first } }, 'server.tokens'],
])('%s is refused, with its path and without its value', (_, server, path) => {
  const refusal = (): unknown => {
    try {
      return resolve(server)
    } catch (error) {
      return error
    }
  }
  const error = refusal() as { code: string; message: string; notes: string[]; details: object }
  expect(error.code).toBe('CONFIG_INVALID')
  const said = JSON.stringify([error.message, error.notes, error.details])
  expect(said).toContain(path)
  expect(said).not.toContain('hunter2')
})

test('a program is held to the same', () => {
  expect(() => parseServer({ tokens: { read: 'hunter2' } })).toThrow(/^server\.tokens\.read: (?!.*hunter2)/)
  expect(parseServer({ host: '0.0.0.0', tokens: { read: first } }).host).toBe('0.0.0.0')
})

test('the loopback is what only this machine reaches', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].filter((host) => !isLoopback(host))).toEqual([])
  expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.com', '127.example', ''].filter(isLoopback)).toEqual([])
})
