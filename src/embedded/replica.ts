// A streaming replica of the cluster's primary, with what tests and shows of replication need: hold it, delay it, wait for
// it, promote it. Its data is derived: where a kept replica cannot go on from what it has, it is copied anew.

import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StrataError } from '../base/errors.ts'
import { onlyRow, type Db } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { copyPrimary, dropSlot } from './base-backup.ts'
import type { Context } from './context.ts'
import { systemIdentifier } from './initdb.ts'
import { openNode, type EmbeddedNode, type OpenedNode } from './node.ts'
import { poll } from './wait.ts'

const answerTimeoutMs = 10_000
const promoteTimeoutS = 60
const streamTimeoutMs = 5_000
const pollMs = 5

export interface WaitForOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface EmbeddedReplica extends EmbeddedNode {
  /** It goes on receiving and shows nothing new. Returns when replay stands still. */
  pauseReplay(): Promise<void>
  resumeReplay(): Promise<void>
  /** Replays every commit this long after it was made; 0: at once. */
  setReplayDelay(delayMs: number): Promise<void>
  /** Makes it a primary of its own; it no longer follows. Returns when it takes writes. */
  promote(): Promise<void>
  /** Returns when everything up to `lsn` is visible here; without one, all that the primary has written by now. */
  waitFor(lsn?: string, options?: WaitForOptions): Promise<void>
}

export interface ReplicaRequest {
  /** From 1 on. */
  readonly number: number
  readonly primary: OpenedNode
  readonly signal?: AbortSignal | undefined
}

export async function openReplica(context: Context, request: ReplicaRequest): Promise<EmbeddedReplica> {
  const { number, primary, signal } = request
  const name = `replica-${number}`
  const slot = `replica_${number}`
  const dataDir = join(context.root, name)
  const open = (): Promise<OpenedNode> =>
    openNode(context, { name, signal, upstream: () => ({ port: primary.node.port, slot, name }) })

  let opened = await reopen(context, dataDir, primary, open)
  if (opened === undefined) {
    await rm(dataDir, { recursive: true, force: true })
    await copyPrimary({
      primary: primary.db(),
      from: primary.node.dataDir,
      to: dataDir,
      slot,
      user: context.user,
      signal,
    })
    opened = await open()
  }
  return withReplication(context, opened, primary, slot)
}

/** Goes on from the data of an earlier run, if that is of this primary and streaming comes up. */
async function reopen(
  context: Context,
  dataDir: string,
  primary: OpenedNode,
  open: () => Promise<OpenedNode>,
): Promise<OpenedNode | undefined> {
  const [own, upstream] = await Promise.all([systemIdentifier(dataDir), systemIdentifier(primary.node.dataDir)])
  const isStandby = await access(join(dataDir, 'standby.signal')).then(
    () => true,
    () => false,
  )
  if (own === undefined || own !== upstream || !isStandby) return undefined
  try {
    const opened = await open()
    if (await streams(opened.db(), context)) return opened
    await opened.node.stop('immediate')
  } catch (error) {
    if (!(error instanceof StrataError) || error.code !== 'EMBEDDED_FAILED') throw error
  }
  context.logger.info('A replica could not go on from its data; it is copied anew', { dataDir })
  return undefined
}

async function streams(db: Db, context: Context): Promise<boolean> {
  const probe = async (): Promise<true | undefined> => {
    const { rows } = await db.query<{ status: string }>(sql`select status from pg_stat_wal_receiver`)
    return rows[0]?.status === 'streaming' ? true : undefined
  }
  return (await poll(probe, { clock: context.clock, timeoutMs: streamTimeoutMs, everyMs: pollMs })) === true
}

function withReplication(context: Context, opened: OpenedNode, primary: OpenedNode, slot: string): EmbeddedReplica {
  const { clock } = context
  const { node, db } = opened

  const until = async (
    what: string,
    probe: () => Promise<boolean>,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<void> => {
    const done = async (): Promise<true | undefined> => ((await probe()) ? true : undefined)
    if ((await poll(done, { clock, timeoutMs, everyMs: pollMs, signal })) === true) return
    throw new StrataError('EMBEDDED_FAILED', {
      message: `${node.name}: ${what} not within ${timeoutMs} ms`,
      advice: `Look into ${node.logPath}.`,
    })
  }
  const ask = async <T>(statement: ReturnType<typeof sql>): Promise<T> =>
    onlyRow(await db().query<{ answer: T & object }>(statement)).answer
  const delayOf = (): Promise<string> =>
    ask(sql`select setting as answer from pg_settings where name = 'recovery_min_apply_delay'`)

  return Object.assign(node, {
    pauseReplay: async () => {
      await ask(sql`select pg_wal_replay_pause()::text as answer`)
      // While it sits out a delay nothing is replayed either, though it is told as "pause requested".
      const delayed = (await delayOf()) !== '0'
      const standsStill = async (): Promise<boolean> =>
        delayed || (await ask<string>(sql`select pg_get_wal_replay_pause_state() as answer`)) === 'paused'
      await until('replay stood still', standsStill, answerTimeoutMs)
    },
    resumeReplay: async () => {
      await ask(sql`select pg_wal_replay_resume()::text as answer`)
    },
    setReplayDelay: async (delayMs: number) => {
      const wanted = String(Math.round(delayMs))
      await db().query(sql`alter system set recovery_min_apply_delay = ${sql.literal(wanted)}`)
      await ask(sql`select pg_reload_conf() as answer`)
      await until('the delay was taken', async () => (await delayOf()) === wanted, answerTimeoutMs)
    },
    promote: async () => {
      await ask(sql`select pg_promote(true, ${promoteTimeoutS}) as answer`)
      await until('it took writes', () => ask<boolean>(sql`select not pg_is_in_recovery() as answer`), answerTimeoutMs)
      // It never comes back for the WAL that the primary keeps for it.
      if (primary.node.running) await dropSlot(primary.db(), slot)
    },
    waitFor: async (lsn?: string, options: WaitForOptions = {}) => {
      const wanted =
        lsn ?? onlyRow(await primary.db().query<{ lsn: string }>(sql`select pg_current_wal_lsn()::text as lsn`)).lsn
      const arrived = (): Promise<boolean> =>
        ask(sql`select coalesce(pg_last_wal_replay_lsn() >= ${wanted}::pg_lsn, false) as answer`)
      await until(`WAL up to ${wanted} was replayed`, arrived, options.timeoutMs ?? 30_000, options.signal)
    },
  })
}
