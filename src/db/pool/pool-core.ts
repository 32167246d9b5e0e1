// What a StrataPool is made of, put together: nodes, cluster, monitors, router, dispatcher. Knows nothing of pg.Pool's
// surface; what happens is told through `events`.
// State: whether it was started (the monitors run from the first use on) and whether it was ended.

import type pg from 'pg'
import type { Clock } from '../../base/clock.ts'
import { createDeadlines, type Deadlines } from '../../base/deadlines.ts'
import type { Random } from '../../base/random.ts'
import { createClassifier, loadParser, type Classifier } from '../../sql/classify/index.ts'
import { Backends } from './cluster/backends.ts'
import { Cluster } from './cluster/cluster.ts'
import type { TimelineChange } from './cluster/timeline-history.ts'
import { Dispatcher } from './routing/dispatcher.ts'
import { Monitor } from './cluster/monitor.ts'
import { createNode } from './cluster/node-factory.ts'
import type { NodePoolEvents } from './connections/node-pool.ts'
import { News } from './cluster/news.ts'
import type { NodeOptions, PoolOptions } from './options.ts'
import { readReadFunctions } from './read-functions.ts'
import { Router } from './routing/router.ts'
import type { CheckoutEvents } from './routing/routing-context.ts'
import type { NodeStatus, ServerNode } from './cluster/server-node.ts'
import { CausalSession, createScopes, type Scopes } from './routing/session.ts'
import { createTelemetry } from './telemetry.ts'

export interface CoreEvents extends NodePoolEvents, CheckoutEvents {
  readonly node: (status: NodeStatus) => void
  readonly writer: (change: { from: string; to: string; timeline: number }) => void
  readonly timeline: (change: TimelineChange) => void
}

export interface CoreParts {
  readonly options: PoolOptions
  readonly Client: new (config: pg.ClientConfig) => pg.Client
  readonly clock: Clock
  readonly random: Random
  readonly events: CoreEvents
}

/** How long a server may take to say where it stands. */
const answerTimeoutMs = 2_000
const connectTimeoutMs = 10_000

export class PoolCore {
  readonly options: PoolOptions
  readonly cluster: Cluster
  readonly dispatcher: Dispatcher
  readonly scopes: Scopes = createScopes()
  readonly backends: Backends = new Backends()
  readonly deadlines: Deadlines
  readonly clock: Clock
  readonly #hasSettings: boolean
  readonly #classifier: Classifier
  readonly #monitors = new Map<ServerNode, Monitor>()
  readonly #news: News
  #started = false
  #isParserReady = false
  #parserLoading: Promise<void> | undefined
  #ending: Promise<void> | undefined

  constructor(parts: CoreParts) {
    const { options, clock, random, events } = parts
    this.options = options
    this.clock = clock
    this.deadlines = createDeadlines(clock)
    this.#news = new News(clock, () => {
      for (const monitor of this.#monitors.values()) monitor.kick()
    })
    const shared = {
      ...parts,
      deadlines: this.deadlines,
      backends: this.backends,
      cluster: () => this.cluster,
    }
    const [primary, ...replicas] = options.nodes.map((node) => createNode(node, shared))
    this.cluster = new Cluster([primary as ServerNode, ...replicas], {
      onNode: events.node,
      onWriter: events.writer,
      onTimeline: events.timeline,
      onNews: () => this.#news.tell(),
    })
    if (!this.cluster.single) {
      options.nodes.forEach((node, index) => this.#watch(this.cluster.nodes[index] as ServerNode, node, random))
    }
    this.#hasSettings = Object.keys(options.settings).length > 0
    this.#classifier = createClassifier({ readFunctions: options.readFunctions })
    this.dispatcher = new Dispatcher(
      {
        options,
        cluster: this.cluster,
        router: new Router({ cluster: this.cluster, clock, sampleEveryMs: options.sampleEveryMs }),
        classifier: this.#classifier,
        news: this.#news,
        scopes: this.scopes,
        telemetry: createTelemetry(clock),
        clock,
        deadlines: this.deadlines,
        events,
        monitorOf: (node) => this.#monitors.get(node),
      },
      this.cluster.single || options.consistency !== 'process' ? undefined : new CausalSession(undefined, false),
    )
  }

  /** Nothing to be done but to send: one node, and no settings that a statement would have to bring along. */
  get plain(): boolean {
    const [node] = this.cluster.nodes
    if (!this.cluster.single || this.#hasSettings) return false
    return node.options.statementTimeoutMs === 0 || node.direct === true
  }

  /** Nothing is routed before the parser is there: it takes a moment, once in a process. */
  whenRouting(work: () => void): void {
    if (this.#isParserReady) return work()
    // Without it everything goes to the primary.
    this.#parserLoading ??= loadParser()
      .catch(() => undefined)
      .then(() => void (this.#isParserReady = true))
    void this.#parserLoading.then(work)
  }

  /** At the first use. */
  start(): void {
    if (this.#started) return
    this.#started = true
    for (const monitor of this.#monitors.values()) monitor.start()
    if (!this.cluster.single) this.whenRouting(() => void this.#learnFunctions())
    for (const { pool, options } of this.cluster.nodes) {
      // One that does not answer is found out by whoever needs it.
      if (options.min > 0) void pool.warm().catch(() => undefined)
    }
  }

  /** Every node has answered or failed, and one of them is there. */
  get isReachable(): boolean {
    return this.cluster.settled && this.cluster.nodes.some(({ state }) => state === 'up')
  }

  /** Every node has answered or had its time. Rejects where none answers. */
  ready(): Promise<void> {
    const { cluster } = this
    if (this.isReachable) return Promise.resolve()
    const isReachable = (): boolean => this.isReachable
    const { dispatcher } = this
    return new Promise((resolve, reject) => {
      const decide = (): void => (isReachable() ? resolve() : reject(cluster.noWriterError()))
      dispatcher.whenSettled(() => this.#news.wait(isReachable, isReachable() ? 0 : dispatcher.writerWaitMs, decide))
    })
  }

  /** `drainTimeoutMs`: how long what is in use is waited for; 0: as long as it takes. */
  end(drainTimeoutMs: number): Promise<void> {
    return (this.#ending ??= this.#end(drainTimeoutMs))
  }

  get ending(): boolean {
    return this.#ending !== undefined
  }

  async #end(drainTimeoutMs: number): Promise<void> {
    // The monitors' connections keep no process alive, but who waits for the end must see it.
    const hold = this.clock.createHold()
    hold.take()
    try {
      await Promise.all(this.cluster.nodes.map(({ pool }) => pool.end(drainTimeoutMs)))
      this.#news.close()
      await Promise.all([...this.#monitors.values()].map((monitor) => monitor.stop()))
    } finally {
      hold.drop()
    }
  }

  #watch(node: ServerNode, options: NodeOptions, random: Random): void {
    const { clock, cluster } = this
    const monitor = new Monitor({
      client: options.client,
      everyMs: this.options.sampleEveryMs,
      connectTimeoutMs: options.connectTimeoutMs || connectTimeoutMs,
      answerTimeoutMs,
      clock,
      random,
      events: {
        onIdentity: (identity) => cluster.noteIdentity(node, identity),
        onSample: (sample) => cluster.noteSample(node, sample, clock.monotonic()),
        onDown: (error) => cluster.noteDown(node, error),
      },
    })
    this.#monitors.set(node, monitor)
  }

  /** What the catalog calls stable or immutable may run on a replica. */
  async #learnFunctions(): Promise<void> {
    try {
      const names = await readReadFunctions(this.dispatcher)
      this.#classifier.setReadFunctions([...this.options.readFunctions, ...names])
    } catch {
      // Without the catalog they stay unknown, and go to the primary.
    }
  }
}
