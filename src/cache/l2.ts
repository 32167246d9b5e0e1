// The layer that processes share, as functions over its scripts: what Redis answers, with names and types.
//
// A hit is one command, an MGET of the entry and of everything that it counts by (scripts.ts). How long it is fresh the clock of
// Redis says, which `renew` reads each time: asked at s and answered with T, it stands at no more than T + (now - s). So what is found
// counts as too old by a round trip at most, and never as too young, unless that clock is set back.
//
// What must be true: keys carry the server's incarnation (see RedisLink), so that what an older server left, or one that
// missed invalidations, is never found; and one hash tag, for a table's tag reaches over all namespaces and a script may
// touch only what is in one slot.
// On failure: rejects; the caller goes on without. Redis out of memory refuses to store, and still invalidates.

import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { Lsn } from '../db/lsn.ts'
import type { RedisLink, RedisReply } from '../redis/index.ts'
import { invalidateScript, leaseScript, releaseScript, renewScript, storeScript } from './scripts.ts'

/** What is needed to store a value: nothing that was invalidated since. */
export interface Lease {
  readonly id: string
  readonly versions: string
}

export interface SharedValue {
  /** Part of what was received together: to be copied by whoever keeps it. */
  readonly bytes: Buffer
  /** Below 1: stale. */
  readonly freshMs: number
  readonly staleForMs: number
  readonly lsn: Lsn | undefined
}

export interface SharedRead {
  readonly value: SharedValue | undefined
  /** Held by this caller. */
  readonly lease: Lease | undefined
  /** Held by another one. */
  readonly holder: string | undefined
  readonly position: Lsn | undefined
}

export interface SharedStore {
  readonly mark: string
  readonly tagMarks: readonly string[]
  readonly lease: Lease
  readonly bytes: Buffer
  readonly freshMs: number
  readonly staleForMs: number
  readonly lsn: Lsn | undefined
}

export interface SharedInvalidation {
  readonly keyMarks: readonly string[]
  readonly tagMarks: readonly string[]
  /** Everything. */
  readonly all: boolean
  /** Whatever committed up to here has been invalidated; null: that is no longer known. */
  readonly position: Lsn | null | undefined
  readonly message: string
}

export interface Invalidated {
  readonly seq: number
  /** Of what Redis remembers. Younger than a lease of copies, it may have forgotten some. */
  readonly ageMs: number
  readonly members: ReadonlyMap<string, number>
}

export class SharedLayer {
  readonly member: string = randomBytes(9).toString('base64url')
  readonly #link: RedisLink
  #name = ''
  readonly #clock: Clock
  readonly #leaseMs: number
  #count = 0
  /** The clock of Redis before Clock.monotonic(), at most. */
  #aheadMs: number | undefined

  constructor(link: RedisLink, options: { readonly leaseMs: number; readonly clock: Clock }) {
    this.#link = link
    this.#clock = options.clock
    this.#leaseMs = options.leaseMs
  }

  get name(): string {
    return this.#name
  }

  /** Before the connection is made. */
  setName(name: string): void {
    if (!/^[\w.:/-]{1,100}$/.test(name))
      throw new StrataError('CONFIG_INVALID', {
        message: 'The prefix of the cache in Redis',
        expected: '1 to 100 letters, digits and _ . : / -',
      })
    this.#name = name
  }

  /** Where invalidations are published. */
  get channel(): string {
    return this.#key('i')
  }

  /** Where a member hears that others have carried out what it invalidated. */
  ackChannel(member: string): string {
    return this.#key('a', member)
  }

  /** What is there, and valid. */
  async find(mark: string, tagMarks: readonly string[], withPosition: boolean): Promise<SharedRead> {
    const tags = tagMarks.map((tag) => this.#key('t', tag))
    const asked = ['MGET', this.#key('v'), this.#key('e', mark), ...tags, ...(withPosition ? [this.#key('p')] : [])]
    const nowMs = this.#clock.monotonic() + (this.#aheadMs ?? Infinity)
    const [life, entry, ...rest] = listOf(await this.#link.send(asked))
    const position = withPosition ? readLsn(rest.pop()) : undefined
    if (!Buffer.isBuffer(life) || !Buffer.isBuffer(entry) || rest.includes(null)) return { ...nothing, position }
    const known = `${[life, ...rest].join(' ')}\n`
    if (entry.toString('latin1', 0, known.length) !== known) return { ...nothing, position }
    return { ...nothing, value: readEntry(entry, nowMs), position }
  }

  /** What is there, and valid; or the lease to load it. */
  async lease(
    mark: string,
    tagMarks: readonly string[],
    how: { readonly leaseAnyway: boolean; readonly leaseMs?: number },
  ): Promise<SharedRead> {
    const id = this.#unique()
    const keys = [this.#key('v'), this.#key('p'), ...this.#entryKeys(mark, tagMarks)]
    const leaseMs = String(Math.ceil(how.leaseMs ?? this.#leaseMs))
    return readReply(await this.#link.run(leaseScript, keys, [id, leaseMs, how.leaseAnyway ? '1' : '0']), id)
  }

  /** Whether it was: not if anything it depends on was invalidated since its lease, or the lease is over. */
  async store(value: SharedStore): Promise<boolean> {
    const { id, versions } = value.lease
    const args = [id, versions, value.bytes, whole(value.freshMs), whole(value.staleForMs), lsnText(value.lsn)]
    const keys = [this.#key('v'), ...this.#entryKeys(value.mark, value.tagMarks)]
    return (await this.#link.run(storeScript, keys, args)) === 1
  }

  async release(mark: string, lease: Lease): Promise<void> {
    await this.#link.run(releaseScript, [this.#key('l', mark)], [lease.id])
  }

  async invalidate({ keyMarks, tagMarks, all, position, message }: SharedInvalidation): Promise<Invalidated> {
    const keys = [
      ...this.#hubKeys(),
      ...keyMarks.flatMap((mark) => [this.#key('e', mark), this.#key('l', mark)]),
      ...tagMarks.map((mark) => this.#key('t', mark)),
    ]
    const lsn = position === null ? '-' : lsnText(position)
    const args = [this.#unique(), this.channel, message, lsn, all ? '1' : '0']
    const [seq, ageMs, ...rest] = listOf(await this.#link.run(invalidateScript, keys, args))
    const members = new Map<string, number>()
    for (let at = 0; at + 1 < rest.length; at += 2) members.set(String(rest[at]), Number(rest[at + 1]))
    return { seq: Number(seq), ageMs: Number(ageMs), members }
  }

  /** This process serves copies of its own for so long; 0: no longer. What it must have heard of by now. */
  async renew(forMs: number): Promise<{ readonly seq: number; readonly position: Lsn | undefined }> {
    const askedMs = this.#clock.monotonic()
    const [seq, position, nowMs] = listOf(
      await this.#link.run(renewScript, this.#hubKeys(), [this.member, whole(forMs)]),
    )
    this.#aheadMs = Number(nowMs) - askedMs
    return { seq: Number(seq), position: readLsn(position) }
  }

  #hubKeys(): readonly string[] {
    return [this.#key('h'), this.#key('v'), this.#key('p')]
  }

  #entryKeys(mark: string, tagMarks: readonly string[]): readonly string[] {
    return [this.#key('e', mark), this.#key('l', mark), ...tagMarks.map((tag) => this.#key('t', tag))]
  }

  #key(kind: string, mark = ''): string {
    return `pgstrata:{${this.#name}}:${this.#link.incarnation}:${kind}:${mark}`
  }

  #unique(): string {
    return `${this.member}.${(this.#count++).toString(36)}.`
  }
}

const nothing: SharedRead = { value: undefined, lease: undefined, holder: undefined, position: undefined }

function readReply(reply: RedisReply, id: string): SharedRead {
  const [kind, ...rest] = listOf(reply)
  if (kind === 2) return { ...nothing, lease: { id, versions: String(rest[0]) }, position: readLsn(rest[1]) }
  if (kind === 3) return { ...nothing, holder: String(rest[0]) }
  const [entry, nowMs, position, taken, who] = rest
  if (!Buffer.isBuffer(entry)) throw unknownReply()
  return {
    value: readEntry(entry, Number(nowMs)),
    lease: taken === 1 ? { id, versions: String(who) } : undefined,
    // '': nobody's, for nobody asked for it.
    holder: taken === 1 || String(who) === '' ? undefined : String(who),
    position: readLsn(position),
  }
}

/** Two lines, `g` and the numbers, then the value. */
function readEntry(entry: Buffer, nowMs: number): SharedValue {
  const first = entry.indexOf(newline) + 1
  const second = entry.indexOf(newline, first) + 1
  const [freshUntilMs, staleForMs, lsn] = entry.toString('latin1', first, second - 1).split(' ')
  return {
    bytes: entry.subarray(second),
    freshMs: Number(freshUntilMs) - nowMs,
    staleForMs: Number(staleForMs),
    lsn: readLsn(lsn),
  }
}

const newline = 10

function listOf(reply: RedisReply): readonly RedisReply[] {
  if (Array.isArray(reply)) return reply as readonly RedisReply[]
  throw unknownReply()
}

function unknownReply(): StrataError {
  return new StrataError('INTERNAL', { message: 'Redis answered something else' })
}

/** Of one width, so that Redis can compare them as texts. */
export function lsnText(lsn: Lsn | undefined): string {
  return lsn === undefined ? '' : lsn.toString(16).padStart(16, '0')
}

export function readLsn(text: RedisReply | undefined): Lsn | undefined {
  const digits = text === undefined || text === null ? '' : String(text)
  return /^[0-9a-f]{16}$/.test(digits) ? BigInt(`0x${digits}`) : undefined
}

function whole(valueMs: number): string {
  return String(Math.max(0, Math.floor(valueMs)))
}
