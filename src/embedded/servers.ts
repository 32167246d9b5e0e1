// The servers of one cluster: start and stop in their order. State: the primary and the list of replicas.
// Invariant: stop() ends every server that was started here, and one that is just starting is waited for.

import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { assert, StrataError } from '../base/errors.ts'
import { sql } from '../sql/sql.ts'
import { dropSlot } from './base-backup.ts'
import type { Context } from './context.ts'
import { nodeFolders } from './location.ts'
import { openNode, type OpenedNode } from './node.ts'
import { openReplica, type EmbeddedReplica } from './replica.ts'

export const maxReplicas = 8

export interface Servers {
  readonly replicas: readonly EmbeddedReplica[]
  startPrimary(port: number | undefined, signal: AbortSignal | undefined): Promise<OpenedNode>
  startReplicas(count: number, signal: AbortSignal | undefined): Promise<void>
  addReplica(): Promise<EmbeddedReplica>
  stop(): Promise<void>
}

export function createServers(context: Context): Servers {
  const replicas: EmbeddedReplica[] = []
  let primary: OpenedNode | undefined
  let stopped = false
  let turn: Promise<unknown> = Promise.resolve()

  /** One after the other: two copies at a time are no faster on one disk. */
  function add(signal?: AbortSignal): Promise<EmbeddedReplica> {
    const mine = turn.then(async () => {
      assert(primary !== undefined, 'There is no primary yet')
      if (stopped) throw new StrataError('EMBEDDED_FAILED', { message: 'The cluster was stopped' })
      const number = replicas.length + 1
      if (number > maxReplicas) {
        throw new StrataError('VALUE_INVALID', {
          message: 'replicas',
          expected: `at most ${maxReplicas}`,
          got: 'one more',
        })
      }
      const replica = await openReplica(context, { number, primary, signal })
      replicas.push(replica)
      return replica
    })
    turn = mine.catch(() => undefined)
    return mine
  }

  return {
    replicas,
    startPrimary: async (port, signal) => (primary = await openNode(context, { name: 'primary', port, signal })),
    startReplicas: async (count, signal) => {
      assert(primary !== undefined, 'There is no primary yet')
      await removeBeyond(context, primary, count)
      while (replicas.length < count) await add(signal)
    },
    addReplica: () => add(),
    stop: async () => {
      stopped = true
      await turn
      // A primary in its fast shutdown waits for its replicas to have everything; without them it has nobody to wait for.
      const outcomes = await Promise.allSettled(replicas.map((replica) => replica.stop()))
      await primary?.node.stop()
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
  }
}

/** Replicas of an earlier run that are not wanted now: their slots would keep WAL for nobody. */
async function removeBeyond(context: Context, primary: OpenedNode, count: number): Promise<void> {
  for (const folder of await nodeFolders(context.root)) {
    const number = Number(/^replica-(\d+)$/.exec(basename(folder))?.[1] ?? 0)
    if (number > count) await rm(folder, { recursive: true, force: true })
  }
  const { rows } = await primary.db().query<{ name: string }>(sql`
    select slot_name as name
    from pg_replication_slots
    where slot_type = 'physical' and slot_name ~ '^replica_[0-9]+$'`)
  for (const { name } of rows) {
    if (Number(name.slice('replica_'.length)) > count) await dropSlot(primary.db(), name)
  }
}
