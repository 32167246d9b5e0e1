// What one process knows of live events, and handing them to its clients.
//
// What must be true: what is handed in comes in order and whole, or `lose` is called. Every client gets, of each row it
// watches, the last change up to the position it is told, or is told `reset`; there is no third. Each event is made once for
// all who have its topic. While `place` is not known nothing is told to anybody, for nobody could say how new a refetch must be.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { jitter, type Random } from '../base/random.ts'
import { formatCursor, type ChangeCursor } from '../changes/feed/index.ts'
import { changeFrame, eventFrame, positionFrame, type Frame } from './frame.ts'
import { splitKeyChange } from './match.ts'
import type { LiveLimits } from './options.ts'
import { resume } from './resume.ts'
import { Ring, type RingEntry } from './ring.ts'
import { Subscriber, type LiveSink } from './subscriber.ts'
import { Subscriptions } from './subscriptions.ts'
import { Ticks } from './ticks.ts'
import { TopWatches } from './top.ts'
import { TopicIndex } from './topic-index.ts'
import { parseTopic, type Declared, type Topic } from './topic.ts'
import type { Place, WireMessage } from './wire.ts'

export interface HubOptions {
  readonly declared: Declared
  readonly limits: LiveLimits
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface OpenRequest {
  readonly topics: readonly Topic[]
  readonly lastEventId?: string | undefined
  readonly address: string
  readonly sink: LiveSink
}

export interface LiveConnection {
  /** The sink takes bytes again. */
  drained(): void
  /** It is gone. Idempotent. */
  close(): void
}

export interface HubStatus {
  readonly connections: number
  readonly topics: number
  /** Where a client that has everything stands. */
  readonly position: string | undefined
  readonly ringEvents: number
  readonly ringBytes: number
  /** Since the process began: changes taken in, frames handed to clients, clients told to begin anew, and dropped. */
  readonly changes: number
  readonly frames: number
  readonly resets: number
  readonly dropped: number
}

export class Hub {
  readonly #options: HubOptions
  readonly #index: TopicIndex
  readonly #subscriptions: Subscriptions
  readonly #tops: TopWatches
  readonly #ticks: Ticks
  readonly #dirty = new Set<Subscriber>()
  readonly #counts = { changes: 0, frames: 0, resets: 0, dropped: 0 }
  #ring: Ring | undefined
  #place: Place | undefined
  #callOffBeat: (() => void) | undefined

  constructor(options: HubOptions) {
    this.#options = options
    this.#index = new TopicIndex(options.declared.tables)
    this.#subscriptions = new Subscriptions(options.limits, {
      onTopic: (topic, isHeld) => this.#onTopic(topic, isHeld),
    })
    const { limits, clock, logger } = options
    this.#ticks = new Ticks({
      clock,
      longestMs: limits.tickMs,
      send: () => {
        for (const subscriber of this.#dirty) this.#flush(subscriber)
      },
    })
    this.#tops = new TopWatches({
      tickMs: limits.tickMs,
      everyMs: limits.topEveryMs,
      clock,
      logger,
      epoch: () => this.#place?.epoch,
      deliver: (topic, frame) => {
        this.#hand(topic, () => frame, undefined)
        this.#scheduleFlush()
      },
    })
  }

  get place(): Place | undefined {
    return this.#place
  }

  get head(): ChangeCursor | undefined {
    return this.#ring?.head
  }

  get status(): HubStatus {
    return {
      connections: this.#subscriptions.all.size,
      topics: this.#subscriptions.topics,
      position: this.#ring === undefined ? undefined : formatCursor(this.#ring.head),
      ringEvents: this.#ring?.events ?? 0,
      ringBytes: this.#ring?.bytes ?? 0,
      ...this.#counts,
    }
  }

  accept(message: WireMessage): void {
    if (message.type === 'reset') {
      const { epoch, systemId, timeline, lsn, why } = message
      this.#ring = new Ring(epoch, { isWhole: true }, this.#options.limits)
      this.#resetAll(why)
      return this.settle({ epoch, systemId, timeline, lsn })
    }
    this.#ring ??= new Ring(message.epoch, { isWhole: false }, this.#options.limits)
    // A new epoch is announced; one who still speaks of another has been put out.
    if (message.epoch !== this.#ring.head.epoch) return
    for (const change of message.changes) {
      const cursor = { epoch: message.epoch, lsn: message.lsn, seq: change.seq }
      const entry = { cursor, change, atMs: message.atMs }
      if (!this.#ring.push(entry)) continue
      this.#counts.changes++
      this.#dispatch(entry)
    }
    this.#scheduleFlush()
  }

  /** Something was missed. Everybody begins anew as soon as `settle` says where. */
  lose(why: string): void {
    this.#place = undefined
    const head = this.#ring?.head
    if (head !== undefined) this.#ring = new Ring(head.epoch, { isWhole: false, head }, this.#options.limits)
    this.#resetAll(why)
  }

  /** A position that shows what was missed. */
  settle(place: Place): void {
    if (this.#ring?.head.epoch !== place.epoch) {
      this.#ring = new Ring(place.epoch, { isWhole: false }, this.#options.limits)
      this.#resetAll('the feed has begun anew')
    }
    this.#place = place
    for (const subscriber of this.#subscriptions.all) if (!subscriber.isGreeted) this.#greet(subscriber)
    this.#tops.touch()
    this.#scheduleFlush()
  }

  parse(spec: unknown): Topic {
    return parseTopic(spec, this.#options.declared)
  }

  /** Refuses what there is no room for; what waits for `settle` is greeted then. */
  open({ topics, lastEventId, address, sink }: OpenRequest): LiveConnection {
    const { limits, clock, random } = this.#options
    this.#subscriptions.checkRoom(address)
    this.#subscriptions.checkTopics(topics)
    const endsAtMs = clock.monotonic() + jitter(limits.connectionMs, 0.2, random)
    const subscriber = new Subscriber({ topics, address, lastEventId, sink, limits, clock, endsAtMs })
    this.#subscriptions.add(subscriber)
    this.#scheduleBeat()
    if (this.#place !== undefined) this.#greet(subscriber)
    return {
      drained: () => {
        subscriber.drained()
        this.#flush(subscriber)
      },
      close: () => this.#leave(subscriber),
    }
  }

  close(): void {
    this.#callOffBeat?.()
    this.#callOffBeat = undefined
    this.#ticks.stop()
    this.#tops.stop()
    for (const subscriber of this.#subscriptions.all) {
      this.#leave(subscriber)
      subscriber.end()
    }
  }

  #onTopic(topic: Topic, isHeld: boolean): void {
    if (topic.kind === 'top') return isHeld ? this.#tops.add(topic) : this.#tops.delete(topic)
    return isHeld ? this.#index.add(topic) : this.#index.delete(topic)
  }

  #dispatch({ cursor, change, atMs }: RingEntry): void {
    for (const part of splitKeyChange(change))
      this.#index.route(part, (topic, concern) => {
        this.#hand(topic, () => changeFrame({ topic, concern, change: part, cursor, atMs }), cursor)
      })
    this.#tops.touch(change)
  }

  /** Made where somebody takes it: of a transaction of a million rows nobody takes the most. */
  #hand(topic: Topic, make: () => Frame, cursor: ChangeCursor | undefined): void {
    let frame: Frame | undefined
    for (const subscriber of this.#subscriptions.holdersOf(topic)) {
      // Who waits to be greeted gets all of it from the ring.
      if (!subscriber.isGreeted || subscriber.hasOverflowed) continue
      frame ??= make()
      subscriber.push(frame, cursor)
      this.#counts.frames++
      this.#dirty.add(subscriber)
    }
  }

  /** Everything that happened since its last event, or that it must begin anew. */
  #greet(subscriber: Subscriber): void {
    const ring = this.#ring
    if (ring === undefined) return
    subscriber.isGreeted = true
    const { lastEventId, topics } = subscriber
    const { tables } = this.#options.declared
    const { aheadMs } = this.#options.limits
    const answer = lastEventId === undefined ? 'new' : resume({ subscriber, lastEventId, ring, tables, aheadMs })
    const told = { id: this.#tokenId(), topics: topics.map(({ name }) => name), state: answer }
    subscriber.write([eventFrame('ready', told, '').bytes, ...(answer === 'new' ? [positionFrame(ring.head)] : [])])
    if (answer === 'lost') subscriber.reset('what happened since is not known here')
    for (const topic of topics) {
      const frame = this.#tops.frameOf(topic.name)
      if (frame !== undefined) subscriber.push(frame, undefined)
    }
    this.#flush(subscriber)
  }

  #resetAll(why: string): void {
    for (const subscriber of this.#subscriptions.all) {
      if (!subscriber.isGreeted) continue
      subscriber.reset(why)
      this.#dirty.add(subscriber)
    }
  }

  /** As a token: whoever reads with it sees everything that clients were told until now. */
  #tokenId(): string {
    const head = this.#ring?.head
    const place = this.#place
    if (head === undefined || place === undefined) return ''
    return formatCursor(head.lsn >= place.lsn ? head : { epoch: head.epoch, lsn: place.lsn, seq: 0 })
  }

  #scheduleFlush(): void {
    if (this.#dirty.size > 0) this.#ticks.request()
  }

  #flush(subscriber: Subscriber): void {
    if (this.#place === undefined || this.#ring === undefined) return
    subscriber.flush(this.#ring.head, (why) => {
      this.#counts.resets++
      const tops = subscriber.topics.flatMap(({ name }) => this.#tops.frameOf(name)?.bytes ?? [])
      return [eventFrame('reset', { id: this.#tokenId(), why }, '').bytes, ...tops]
    })
    if (subscriber.isIdle) this.#dirty.delete(subscriber)
  }

  /** While anybody is connected. */
  #scheduleBeat(): void {
    if (this.#callOffBeat !== undefined || this.#subscriptions.all.size === 0) return
    const { clock, limits } = this.#options
    this.#callOffBeat = clock.after(limits.heartbeatMs / 2, () => {
      this.#callOffBeat = undefined
      this.#beat()
      this.#scheduleBeat()
    })
  }

  #beat(): void {
    const { clock, limits } = this.#options
    const position = this.#place === undefined ? undefined : this.#ring?.head
    for (const subscriber of this.#subscriptions.all) {
      if (subscriber.beat(position, limits.stallMs) === 'stalled') {
        this.#counts.dropped++
        this.#leave(subscriber)
        subscriber.destroy()
      } else if (clock.monotonic() >= subscriber.endsAtMs) {
        this.#leave(subscriber)
        subscriber.end()
      } else if (position !== undefined && subscriber.isAstray(position)) {
        subscriber.reset('its id is of no event')
        this.#flush(subscriber)
      }
    }
  }

  #leave(subscriber: Subscriber): void {
    this.#subscriptions.delete(subscriber)
    this.#dirty.delete(subscriber)
  }
}
