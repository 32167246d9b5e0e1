// What goes on while a prober has the lease: who is asked when, what is remembered of nodes, and the results that wait to be written.
//
// Invariant: a request is sent, and a row written, only under the lease that this was opened with, or one taken up again after it with
// nobody in between. What is in memory can be lost: the next prober reads what it needs from the results.

import type { Kysely } from 'kysely'
import type { Clock, Lease } from 'pgstrata'
import type { Database } from '../database.ts'
import { createBatchWriter, type BatchCounts, type BatchWriter } from './batch-writer.ts'
import { underLease } from './fenced.ts'
import type { Fetcher } from './fetcher.ts'
import { judgeAddresses } from './fraud/crowded-address.ts'
import { forEachOf } from './limited.ts'
import type { Observation } from './observation.ts'
import { poll } from './poll.ts'
import { noteRules, type ProbeCall } from './probe.ts'
import { memoryOf, readTargets, restoreMemories } from './roster.ts'
import type { ProberSettings } from './settings.ts'
import { markSilent } from './silence.ts'
import { createTurns, type Turns } from './slots.ts'
import { spotCheck } from './spot-check.ts'
import type { Memory, Target } from './target.ts'
import { writeObservations, type Written } from './write-observations.ts'

export interface TenureOptions {
  readonly db: Kysely<Database>
  readonly lease: Lease
  /** Whether the lease still stands, asked before each request; `doubt`: something says that it does not. */
  readonly isHeld: (how?: { readonly doubt: boolean }) => Promise<boolean>
  readonly settings: ProberSettings
  readonly fetcher: Fetcher
  readonly clock: Clock
  readonly random: () => number
  readonly seed: string
  readonly signal: AbortSignal
  readonly onWritten: (observations: readonly Observation[]) => void
  readonly onFailure: (error: unknown) => void
}

/** What one look did. */
export interface Looked {
  readonly polled: number
  readonly checked: number
  readonly failed: number
  readonly found: number
}

const forgetMs = 3_600_000

export class Tenure {
  readonly #options: TenureOptions
  readonly #writer: BatchWriter<Observation>
  readonly #polls: Turns
  readonly #checks: Turns
  /** Of nodes that a spot check contradicted: each slot, until it is over. */
  readonly #suspectChecks: Turns
  readonly #openedMs: number
  #lease: Lease
  #targets = new Map<string, Target>()
  #memories: Map<string, Memory> | undefined
  #readMs = -Infinity

  constructor(options: TenureOptions) {
    const { settings, seed, clock, lease } = options
    const checks = { everyMs: settings.spotEveryMs, jitter: 0.9, seed: `${seed} check` }
    this.#options = options
    this.#lease = lease
    this.#openedMs = clock.now()
    this.#polls = createTurns({ everyMs: settings.pollEveryMs, jitter: settings.pollJitter, share: 1, seed })
    this.#checks = createTurns({ ...checks, share: settings.spotShare })
    this.#suspectChecks = createTurns({ ...checks, share: 1 })
    this.#writer = createBatchWriter({
      write: async (observations, isRepeat) => await this.#write(observations, isRepeat),
      batch: settings.batchRows,
      queued: settings.queuedRows,
      withinMs: settings.writeWithinMs,
      clock,
      onWritten: options.onWritten,
      onFailure: options.onFailure,
    })
  }

  get counts(): BatchCounts {
    return this.#writer.counts
  }

  /** Whether this goes on under `lease`: the same, or taken up again with nobody in between, which its number tells. */
  continueUnder(lease: Lease): boolean {
    const isNext = lease.fence === this.#lease.fence || lease.fence === this.#lease.fence + 1
    if (isNext) this.#lease = lease
    return isNext
  }

  async look(): Promise<Looked> {
    const memories = await this.#refresh()
    const observed: Observation[] = []
    const note = (observation: Observation | undefined): void => {
      if (observation === undefined) return
      observed.push(observation)
      this.#writer.add(observation)
    }
    const polls = await this.#ask(this.#duePolls(memories), async (call) => note(await poll(call)))
    // Afterwards, so that a check is compared with what the node has just claimed.
    const checks = await this.#ask(this.#dueChecks(memories), async (call) =>
      note(await spotCheck(call, this.#options.random)),
    )
    await this.#writer.flush()
    return {
      polled: polls,
      checked: checks,
      failed: observed.filter(({ result }) => result?.success === false).length,
      found: observed.reduce((sum, { found }) => sum + found.length, 0),
    }
  }

  async close(withinMs: number): Promise<void> {
    await this.#writer.close(withinMs)
  }

  async #refresh(): Promise<Map<string, Memory>> {
    const { db, settings, clock } = this.#options
    const nowMs = clock.now()
    const known = this.#memories
    if (known !== undefined && nowMs - this.#readMs < settings.rosterEveryMs) return known
    const keptMs = Math.max(2 * settings.pollEveryMs, 2 * settings.spotEveryMs, settings.fraud.comparedWithinMs)
    // In a transaction that writes: a replica may not have yet what the prober before wrote.
    const read = await underLease(db, this.#lease, async (tx) => ({
      targets: await readTargets(tx),
      memories: known ?? (await restoreMemories(tx, nowMs - keptMs)),
    }))
    if (read === undefined) return known ?? new Map()
    this.#targets = new Map(read.targets.map((target) => [target.nodeId, target]))
    this.#memories = read.memories
    this.#readMs = nowMs
    this.#forget(read.memories, nowMs)
    this.#judgeAddresses(read.memories, nowMs)
    await markSilent({ db, lease: this.#lease, settings, nowMs, listeningSinceMs: this.#openedMs })
    return read.memories
  }

  #forget(memories: Map<string, Memory>, nowMs: number): void {
    for (const [nodeId, { polledMs = -Infinity }] of memories)
      if (!this.#targets.has(nodeId) && polledMs < nowMs - forgetMs) memories.delete(nodeId)
    for (const turns of [this.#polls, this.#checks, this.#suspectChecks]) turns.keepOnly(this.#targets)
  }

  #judgeAddresses(memories: Map<string, Memory>, atMs: number): void {
    const verdicts = judgeAddresses([...this.#targets.values()], this.#options.settings.fraud.nodesPerAddress)
    for (const { nodeId, streamId } of this.#targets.values()) {
      const rule = 'crowded-address'
      const memory = memoryOf(memories, nodeId)
      const verdict = verdicts.get(nodeId)
      const isFound = verdict?.state === 'found'
      if (isFound === memory.open.has(rule)) continue
      const found = verdict?.state === 'found' ? [{ rule, evidence: verdict.evidence } as const] : []
      const cleared = noteRules(memory, { found, cleared: isFound ? [] : [rule] })
      this.#writer.add({ nodeId, streamId, atMs, result: undefined, heartbeat: undefined, found, cleared })
    }
  }

  #duePolls(memories: Map<string, Memory>): readonly Target[] {
    const nowMs = this.#options.clock.now()
    return [...this.#targets.values()].filter(({ nodeId }) =>
      this.#polls.isDue(nodeId, { nowMs, lastMs: memories.get(nodeId)?.polledMs }),
    )
  }

  #dueChecks(memories: Map<string, Memory>): readonly Target[] {
    const nowMs = this.#options.clock.now()
    return [...this.#targets.values()].filter(({ nodeId }) => {
      const memory = memories.get(nodeId)
      const turns = memory?.open.has('contradiction') === true ? this.#suspectChecks : this.#checks
      return turns.isDue(nodeId, { nowMs, lastMs: memory?.checkedMs })
    })
  }

  /** How many were asked: none any more after the lease is gone. */
  async #ask(targets: readonly Target[], ask: (call: ProbeCall) => Promise<void>): Promise<number> {
    const { settings, fetcher, clock, signal, isHeld } = this.#options
    const memories = this.#memories ?? new Map<string, Memory>()
    let asked = 0
    await forEachOf(targets, settings.concurrency, async (target) => {
      if (signal.aborted || !(await isHeld())) return
      asked++
      await ask({ target, memory: memoryOf(memories, target.nodeId), settings, fetcher, clock, signal })
    })
    return asked
  }

  /** False: somebody else has had the lease. That it ran out is no reason by itself: where it can be taken up again, this goes on. */
  async #write(observations: readonly Observation[], isRepeat: boolean): Promise<boolean> {
    const written =
      (await this.#attempt(observations, isRepeat)) ??
      ((await this.#options.isHeld({ doubt: true })) ? await this.#attempt(observations, isRepeat) : undefined)
    for (const nodeId of written?.suspended ?? []) this.#targets.delete(nodeId)
    return written !== undefined
  }

  async #attempt(observations: readonly Observation[], isRepeat: boolean): Promise<Written | undefined> {
    const { db, settings } = this.#options
    return await writeObservations({ db, lease: this.#lease, fraud: settings.fraud, observations, isRepeat })
  }
}
