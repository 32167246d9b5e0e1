// How a process knows that its own copies hold, and how whoever invalidates knows that no process serves an older one.
//
// What holds: copies are served only while this process is a member: it has told Redis so less than `leaseMs` ago, counted
// from before it told, and has heard of every invalidation up to then. Each invalidation has a number and is published in
// the moment it takes effect; who gets it drops what it names, then says so to whoever sent it. `settle` waits for that of every
// member, or for the end of what the member was granted. A gap in the numbers, or a lost connection: all copies are dropped.
// `epoch` changes with each doubt, so whatever began under another epoch keeps no copy and is joined by nobody new.
// What must be true: the member counts its lease from before it asks, Redis from when it answers, and whoever waits from
// when it heard: so the member's ends first, with no clocks compared. What Redis has forgotten (it restarted, it was flushed) is
// awaited as long as a lease can be.
// Bounds: a wait of `leaseMs`; acknowledgements of one turn are sent together.

import type { Clock } from '../base/clock.ts'
import type { Lsn } from '../db/lsn.ts'
import type { RedisLink } from '../redis/index.ts'
import { readLsn, type Invalidated, type SharedLayer } from './l2.ts'

export interface TrustOptions {
  readonly link: RedisLink
  readonly shared: SharedLayer
  readonly clock: Clock
  readonly leaseMs: number
  /** `marks` undefined: everything. */
  readonly onDrop: (marks: readonly string[] | undefined) => void
}

/** Everything, in a message. */
export const allMarks = '*'

export class Trust {
  readonly #options: TrustOptions
  /** By Clock.monotonic(). */
  #untilMs = -Infinity
  #epoch = 0
  #lastSeq = 0
  #heard = 0
  #position: Lsn | undefined
  #callOff: (() => void) | undefined
  readonly #acked = new Map<string, number>()
  readonly #toAck = new Map<string, number>()
  readonly #waiters = new Set<() => void>()

  constructor(options: TrustOptions) {
    this.#options = options
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Everything that committed up to here, and that the feed tells of, has been dropped here. */
  get position(): Lsn | undefined {
    return this.#position
  }

  holdsAt(nowMs: number): boolean {
    return nowMs < this.#untilMs
  }

  /** Of a connection that has just been made. */
  async join(): Promise<void> {
    const { link, shared } = this.#options
    await link.subscribe(shared.channel, (message) => this.#hear(message))
    await link.subscribe(shared.ackChannel(shared.member), (message) => this.#hearAck(message))
    await this.#renew()
    this.#keepUp()
  }

  /** The connection was lost, or something was missed. */
  doubt(): void {
    this.#untilMs = -Infinity
    this.#position = undefined
    this.#callOff?.()
    this.#drop(undefined)
  }

  /** Whoever leaves is waited for by nobody. */
  async leave(): Promise<void> {
    const { link, shared } = this.#options
    this.doubt()
    if (link.isUp) await shared.renew(0).catch(() => undefined)
  }

  /** Resolves when no process serves a copy that the invalidation named. */
  async settle({ seq, ageMs, members }: Invalidated): Promise<void> {
    const { clock, shared, leaseMs } = this.#options
    const sinceMs = clock.monotonic()
    const forgottenMs = leaseMs - ageMs
    const isSettled = (): boolean => {
      const waitedMs = clock.monotonic() - sinceMs
      return (
        waitedMs >= forgottenMs &&
        [...members].every(
          ([member, leftMs]) =>
            member === shared.member || waitedMs >= leftMs || (this.#acked.get(member) ?? -1) >= seq,
        )
      )
    }
    while (!isSettled()) {
      await new Promise<void>((resolve) => {
        const callOff = clock.after(Math.min(leaseMs, this.#nextEndMs(members, forgottenMs, sinceMs)), done)
        const waiters = this.#waiters
        function done(): void {
          callOff()
          waiters.delete(done)
          resolve()
        }
        waiters.add(done)
      })
    }
    for (const member of [...this.#acked.keys()].slice(0, -mostRemembered)) this.#acked.delete(member)
  }

  #nextEndMs(members: ReadonlyMap<string, number>, forgottenMs: number, sinceMs: number): number {
    const waitedMs = this.#options.clock.monotonic() - sinceMs
    const ends = [forgottenMs, ...members.values()].filter((endMs) => endMs > waitedMs)
    return Math.max(1, Math.min(...ends) - waitedMs)
  }

  async #renew(): Promise<void> {
    const { shared, clock, leaseMs } = this.#options
    const askedMs = clock.monotonic()
    const heardBefore = this.#heard
    const epoch = this.#epoch
    const { seq, position } = await shared.renew(leaseMs)
    if (epoch !== this.#epoch) return
    // What was published before the answer arrived before it, on the same connection; after it more may have come.
    const isMissed = seq > this.#lastSeq || (seq < this.#lastSeq && heardBefore === this.#heard)
    if (isMissed) {
      this.#drop(undefined)
      this.#lastSeq = seq
    }
    if (heardBefore === this.#heard) this.#position = position
    this.#untilMs = askedMs + leaseMs
  }

  #keepUp(): void {
    const { clock, leaseMs, link } = this.#options
    this.#callOff?.()
    this.#callOff = clock.after(leaseMs / 4, () => {
      const goOn = (): void => {
        if (link.isUp) this.#keepUp()
      }
      this.#renew().then(goOn, goOn)
    })
  }

  /** '<seq> <sender> <position> <mark>,<mark>…' */
  #hear(message: string): void {
    const [number = '', sender = '', position = '', list = ''] = message.split(' ')
    const seq = Number(number)
    this.#heard++
    const isNext = seq === this.#lastSeq + 1
    this.#lastSeq = seq
    this.#drop(isNext && list !== allMarks ? list.split(',').filter((mark) => mark !== '') : undefined)
    if (position === '-') this.#position = undefined
    const lsn = readLsn(position)
    if (lsn !== undefined && (this.#position === undefined || lsn > this.#position)) this.#position = lsn
    if (sender !== this.#options.shared.member) this.#acknowledge(sender, seq)
  }

  #acknowledge(sender: string, seq: number): void {
    const { link, shared } = this.#options
    if (this.#toAck.size === 0) {
      queueMicrotask(() => {
        for (const [to, upTo] of this.#toAck) {
          link.send(['PUBLISH', shared.ackChannel(to), `${shared.member} ${upTo}`]).catch(() => undefined)
        }
        this.#toAck.clear()
      })
    }
    this.#toAck.set(sender, seq)
  }

  #hearAck(message: string): void {
    const [member = '', seq = ''] = message.split(' ')
    this.#acked.delete(member)
    this.#acked.set(member, Number(seq))
    for (const waiter of this.#waiters) waiter()
  }

  #drop(marks: readonly string[] | undefined): void {
    if (marks === undefined) this.#epoch++
    this.#options.onDrop(marks)
  }
}

/** Members whose acknowledgements are remembered. */
const mostRemembered = 1_000
