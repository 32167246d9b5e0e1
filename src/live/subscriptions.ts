// Who is connected, and who has which topic: both bounded, in all and by address.

import { StrataError } from '../base/errors.ts'
import type { LiveLimits } from './options.ts'
import type { Subscriber } from './subscriber.ts'
import type { Topic } from './topic.ts'

export interface Holders {
  readonly topic: Topic
  readonly subscribers: Set<Subscriber>
}

export interface SubscriptionHooks {
  /** The first one has it, or the last one has left it. */
  readonly onTopic: (topic: Topic, isHeld: boolean) => void
}

export class Subscriptions {
  readonly #limits: LiveLimits
  readonly #hooks: SubscriptionHooks
  readonly #all = new Set<Subscriber>()
  readonly #byAddress = new Map<string, number>()
  readonly #byTopic = new Map<string, Holders>()

  constructor(limits: LiveLimits, hooks: SubscriptionHooks) {
    this.#limits = limits
    this.#hooks = hooks
  }

  get all(): ReadonlySet<Subscriber> {
    return this.#all
  }

  get topics(): number {
    return this.#byTopic.size
  }

  holdersOf({ name }: Topic): ReadonlySet<Subscriber> {
    return this.#byTopic.get(name)?.subscribers ?? nobody
  }

  /** Before anything is made of a request. */
  checkRoom(address: string): void {
    const { connections, connectionsPerAddress } = this.#limits
    if (this.#all.size >= connections) throw full(`${connections} connections`)
    if ((this.#byAddress.get(address) ?? 0) >= connectionsPerAddress)
      throw full(`${connectionsPerAddress} connections of one address`)
  }

  checkTopics(topics: readonly Topic[]): void {
    const added = topics.filter(({ name }) => !this.#byTopic.has(name)).length
    if (this.#byTopic.size + added > this.#limits.topics) throw full(`${this.#limits.topics} topics`)
  }

  add(subscriber: Subscriber): void {
    this.#all.add(subscriber)
    this.#byAddress.set(subscriber.address, (this.#byAddress.get(subscriber.address) ?? 0) + 1)
    for (const topic of subscriber.topics) {
      const known = this.#byTopic.get(topic.name)
      const holders = known ?? { topic, subscribers: new Set<Subscriber>() }
      holders.subscribers.add(subscriber)
      if (known !== undefined) continue
      this.#byTopic.set(topic.name, holders)
      this.#hooks.onTopic(topic, true)
    }
  }

  /** Idempotent. */
  delete(subscriber: Subscriber): void {
    if (!this.#all.delete(subscriber)) return
    const left = (this.#byAddress.get(subscriber.address) ?? 1) - 1
    if (left === 0) this.#byAddress.delete(subscriber.address)
    else this.#byAddress.set(subscriber.address, left)
    for (const { name } of subscriber.topics) {
      const holders = this.#byTopic.get(name)
      if (holders === undefined || !holders.subscribers.delete(subscriber) || holders.subscribers.size > 0) continue
      this.#byTopic.delete(name)
      this.#hooks.onTopic(holders.topic, false)
    }
  }
}

const nobody: ReadonlySet<Subscriber> = new Set()

function full(limit: string): StrataError {
  return new StrataError('LIVE_FULL', {
    message: 'No more live events can be served here',
    expected: `at most ${limit}`,
  })
}
