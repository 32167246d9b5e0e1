// One attempt to connect: the socket, the start-up, the pool's own preparation, all within one bound.
// Promises: `done` is called exactly once, never before connectClient() returns. With an error the client is not closed
// yet; that is its pool's business.

import { messageOf, StrataError } from '../../../base/errors.ts'
import type { NodePoolOptions } from './node-pool-options.ts'
import { poolState, type PooledClient } from './pooled-client.ts'

export type ConnectOutcome = 'connected' | 'failed' | 'timed out' | 'abandoned'

export function connectClient(
  client: PooledClient,
  options: Pick<NodePoolOptions, 'name' | 'target' | 'prepare' | 'connectTimeoutMs' | 'deadlines'>,
  done: (outcome: ConnectOutcome, error: Error | undefined) => void,
): void {
  const { prepare, connectTimeoutMs, deadlines } = options
  const state = client[poolState]
  const bound =
    connectTimeoutMs > 0 ? deadlines.add(connectTimeoutMs, () => finish('timed out', tooSlow(options))) : undefined
  const finish = (outcome: ConnectOutcome, error?: Error): void => {
    if (state.abandon === undefined) return
    state.abandon = undefined
    if (bound !== undefined) deadlines.remove(bound)
    // It may have broken between its last answer and now.
    const broken = outcome === 'connected' ? state.broken : undefined
    if (broken === undefined) done(outcome, error)
    else done('failed', broken)
  }
  state.abandon = () => finish('abandoned')
  const fail = (error: unknown): void => finish('failed', error instanceof Error ? error : new Error(messageOf(error)))
  const onConnect = (error: Error | null | undefined): void => {
    if (error !== null && error !== undefined) return fail(error)
    // When the time is up, nobody waits for the preparation any more.
    if (state.abandon !== undefined) void runPreparation(client, prepare, { finish, fail })
  }
  try {
    client.connect(onConnect)
  } catch (error) {
    // Options that cannot lead anywhere: a port that is none.
    queueMicrotask(() => fail(error))
  }
}

function tooSlow(options: Pick<NodePoolOptions, 'name' | 'target' | 'connectTimeoutMs'>): StrataError {
  return new StrataError('POOL_TIMEOUT', {
    message: `${options.name} (${options.target}) was not connected to within ${options.connectTimeoutMs} ms`,
    advice: 'Check that the server is up and that a firewall lets you pass, or raise connectionTimeoutMillis.',
    details: { node: options.name, waitedFor: 'connection' },
  })
}

async function runPreparation(
  client: PooledClient,
  prepare: NodePoolOptions['prepare'],
  end: { finish(outcome: ConnectOutcome): void; fail(error: unknown): void },
): Promise<void> {
  try {
    if (prepare !== undefined) await prepare(client)
  } catch (error) {
    return end.fail(error)
  }
  end.finish('connected')
}
