// The servers of a pool as one cluster: who takes writes, who may serve reads, what a promotion means for tokens.
// Invariants: there is at most one writer; it changes only when the old one is gone or has become a replica, never because
// another claims to be one. A server of another cluster is never used. A replica on another timeline than the writer's is
// never read. Writes begin only when every node has answered or failed once (or has had its time), so that two primaries
// are seen before one of them is written to.
// With a single node nothing is watched: it is the writer, whatever it is, and what it is comes with its connections.

import { messageOf, StrataError } from '../../../base/errors.ts'
import { formatLsn } from '../../lsn.ts'
import type { Token } from '../../token.ts'
import type { Identity } from './identity.ts'
import { TimelineHistory, type TimelineChange, type TokenVerdict } from './timeline-history.ts'
import { createLagRing, type LagRing } from './lag-ring.ts'
import type { Sample } from './monitor.ts'
import { branchPoint, isAnswering, isSameServer, type NodeStatus, type ServerNode } from './server-node.ts'

export interface ClusterEvents {
  onNode(status: NodeStatus): void
  onWriter(change: { readonly from: string; readonly to: string; readonly timeline: number }): void
  onTimeline(change: TimelineChange): void
  /** Something about the cluster that may have new answers for those who wait. */
  onNews(): void
}

export class Cluster {
  readonly nodes: readonly [ServerNode, ...ServerNode[]]
  systemId: string | undefined
  timeline: number | undefined
  /** Why there is no writer, if there is none. */
  #noWriter = 'no node has answered yet'
  #writer: ServerNode | undefined
  readonly #ring: LagRing = createLagRing()
  readonly #history = new TimelineHistory()
  /** There has been a writer. */
  #led = false
  readonly #events: ClusterEvents
  /** The configured primary has said which cluster it is: that is the one. */
  #isPinned = false
  #singleStartedAt: string | undefined

  constructor(nodes: readonly [ServerNode, ...ServerNode[]], events: ClusterEvents) {
    this.nodes = nodes
    this.#events = events
    if (nodes.length === 1) {
      this.#writer = nodes[0]
      nodes[0].state = 'up'
      nodes[0].answers = true
    }
  }

  get single(): boolean {
    return this.nodes.length === 1
  }

  get writer(): ServerNode | undefined {
    return this.#writer
  }

  /** Every node has answered or failed at least once. */
  get settled(): boolean {
    return this.nodes.every((node) => node.answers !== undefined)
  }

  /** Who has not answered by now is down until it does. */
  settle(): void {
    for (const node of this.nodes) {
      if (node.answers === undefined) this.noteDown(node, new Error('no answer yet'))
    }
  }

  noWriterError(): StrataError {
    return new StrataError('NO_PRIMARY', {
      message: `No server takes writes: ${this.#noWriter}`,
      details: { nodes: this.nodes.map((node) => this.status(node)) },
    })
  }

  /** The connection belongs where it was made for; undefined, or why not. */
  verify(node: ServerNode, identity: Identity): StrataError | undefined {
    if (this.single) {
      this.#verifySingle(node, identity)
      return undefined
    }
    if (this.systemId !== undefined && identity.systemId !== this.systemId) return this.#foreign(node, identity)
    if (node.identity === undefined || node.identity.isReplica === identity.isReplica) return undefined
    return new StrataError('NODE_REFUSED', {
      message: `${node.name} (${node.options.target}) is no longer what it was`,
      expected: node.identity.isReplica ? 'a replica' : 'a primary',
      got: identity.isReplica ? 'a replica' : 'a primary',
    })
  }

  /** One name, which may lead to another server today than yesterday: what is connected to that one is of the past. */
  #verifySingle(node: ServerNode, identity: Identity): void {
    const isOther = this.#singleStartedAt !== undefined && this.#singleStartedAt !== identity.startedAt
    this.systemId = identity.systemId
    this.#singleStartedAt = identity.startedAt
    if (!identity.isReplica) this.#followTimeline(node, identity)
    if (isOther) node.pool.renew()
  }

  noteIdentity(node: ServerNode, identity: Identity): void {
    const before = node.identity
    node.identity = identity
    if (identity.isReplica) node.seenInRecovery = identity.startedAt
    if (before !== undefined && (before.isReplica !== identity.isReplica || before.startedAt !== identity.startedAt)) {
      // The same address, another server or another role: its connections are of the past.
      node.pool.renew()
      node.lagMs = Number.POSITIVE_INFINITY
      node.position = 0n
    }
    node.answers = true
    this.#assess()
  }

  noteSample(node: ServerNode, sample: Sample, nowMs: number): void {
    node.position = sample.position
    node.sampledAtMs = sample.askedAtMs
    if (node === this.#writer) {
      this.#ring.note(sample.position, sample.askedAtMs)
      node.lagMs = 0
      for (const other of this.nodes) {
        if (other !== node && other.identity?.isReplica === true) other.lagMs = this.#ring.lagMs(other.position, nowMs)
      }
    } else if (sample.isReplica) {
      node.lagMs = this.#ring.lagMs(sample.position, nowMs)
    }
    this.#events.onNews()
  }

  noteDown(node: ServerNode, error: Error): void {
    node.lagMs = Number.POSITIVE_INFINITY
    node.answers = false
    node.failure = messageOf(error)
    this.#assess()
  }

  /** Whether what was written up to `token` is still there. */
  verdictOf(token: Token): TokenVerdict {
    return this.#history.verdictOf(token, this.timeline)
  }

  status(node: ServerNode): NodeStatus {
    const { identity } = node
    return {
      node: node.name,
      target: node.options.target,
      role: identity === undefined ? 'unknown' : identity.isReplica ? 'replica' : 'primary',
      state: node.state,
      ...(node.why === '' ? {} : { why: node.why }),
      routes: [...node.options.routes],
      lagMs: Number.isFinite(node.lagMs) ? node.lagMs : null,
      position: node.position === 0n ? null : formatLsn(node.position),
      timeline: identity?.timeline ?? null,
    }
  }

  #setState(node: ServerNode, state: ServerNode['state'], why: string): void {
    const changed = node.state !== state || (state !== 'up' && node.why !== why)
    node.state = state
    node.why = why
    if (changed) this.#events.onNode(this.status(node))
  }

  #foreign(node: ServerNode, identity: Identity): StrataError {
    return new StrataError('NODE_REFUSED', {
      message: `${node.name} (${node.options.target}) belongs to another cluster`,
      expected: `system identifier ${this.systemId ?? '?'}`,
      got: identity.systemId,
    })
  }

  #assess(): void {
    if (!this.settled) return
    this.#identifyCluster()
    this.#elect()
    for (const node of this.nodes) {
      const [state, why] = this.#judge(node)
      this.#setState(node, state, why)
    }
    this.#events.onNews()
  }

  /** The configured primary says which cluster it is. Until it has answered, another one's word stands. */
  #identifyCluster(): void {
    if (this.#isPinned) return
    const [primary] = this.nodes
    if (isAnswering(primary)) {
      this.#isPinned = true
      if (this.systemId !== primary.identity?.systemId) this.#forget()
      this.systemId = primary.identity?.systemId
    }
    this.systemId ??= this.nodes.find(isAnswering)?.identity?.systemId
  }

  /** What was followed so far was another cluster. */
  #forget(): void {
    this.#writer = undefined
    this.timeline = undefined
    this.#led = false
    this.#ring.clear()
  }

  #judge(node: ServerNode): [ServerNode['state'], string] {
    const { identity } = node
    if (node.answers !== true || identity === undefined) return ['down', `it does not answer (${node.failure})`]
    if (identity.systemId !== this.systemId) return ['refused', this.#foreign(node, identity).message]
    const writer = this.#writer
    if (writer === undefined && !identity.isReplica && this.#led && !this.#mayLead(node)) {
      return ['refused', `it takes writes on timeline ${identity.timeline}, which was left behind`]
    }
    if (identity.isReplica || writer === undefined || writer === node) return ['up', '']
    return isSameServer(node, writer)
      ? ['refused', `it is ${writer.name} itself, not a replica of it`]
      : ['refused', `it takes writes itself, on timeline ${identity.timeline}: a second primary`]
  }

  #elect(): void {
    const primaries = this.nodes.filter(
      (node) => isAnswering(node) && node.identity?.isReplica === false && node.identity.systemId === this.systemId,
    )
    const before = this.#writer
    // Behind the same address there may be another server by now: the old primary of before a promotion.
    const stays = before !== undefined && primaries.includes(before) && this.#mayLead(before)
    const chosen = stays ? before : this.#choose(primaries.filter((node) => this.#mayLead(node)))
    if (chosen === undefined) {
      this.#noWriter = this.#whyNone(primaries)
      // The writer is gone, nobody has taken its place: writes wait for one, reads go on where they may.
      if (before !== undefined && isAnswering(before)) this.#writer = undefined
      this.#assumeTimeline()
      return
    }
    this.#writer = chosen
    if (chosen.identity !== undefined) this.#followTimeline(chosen, chosen.identity)
    if (before !== undefined && before !== chosen) {
      this.#events.onWriter({ from: before.name, to: chosen.name, timeline: this.timeline ?? 0 })
    }
  }

  /**
   * Not one of a history that was left behind: an old primary that came back. And as the very first, only the configured
   * one, or one that was promoted: a server on timeline 1 was never a replica of anybody.
   */
  #mayLead(node: ServerNode): boolean {
    const timeline = node.identity?.timeline ?? 0
    if (this.#led) return timeline >= (this.timeline ?? 0)
    return node === this.nodes[0] || timeline > 1
  }

  /** Without a primary there are still replicas to read from: those of the newest timeline. */
  #assumeTimeline(): void {
    if (this.#led) return
    const timelines = this.nodes.flatMap((node) =>
      isAnswering(node) && node.identity?.systemId === this.systemId ? [node.identity?.timeline ?? 0] : [],
    )
    this.timeline = timelines.length === 0 ? undefined : Math.max(...timelines)
  }

  #choose(primaries: readonly ServerNode[]): ServerNode | undefined {
    const servers = primaries.filter(
      (node, index) => !primaries.slice(0, index).some((other) => isSameServer(node, other)),
    )
    if (servers.length <= 1) return servers[0]
    // Followed from a writer that is gone: the newest history. At a first look there is no telling who is right.
    if (!this.#led) return undefined
    return servers.toSorted((a, b) => (b.identity?.timeline ?? 0) - (a.identity?.timeline ?? 0))[0]
  }

  #whyNone(primaries: readonly ServerNode[]): string {
    if (primaries.length > 1) {
      const named = primaries.map(({ name, identity }) => `${name} on timeline ${identity?.timeline ?? '?'}`)
      return `there are several primaries (${named.join(', ')}); stop all but the right one, or take them out of the configuration`
    }
    const what = (node: ServerNode): string => {
      const { identity } = node
      if (node.answers !== true || identity === undefined) return `does not answer (${node.failure})`
      if (identity.systemId !== this.systemId) return 'belongs to another cluster'
      return identity.isReplica ? 'is a replica' : `is on timeline ${identity.timeline}, not ours`
    }
    return this.nodes.map((node) => `${node.name} ${what(node)}`).join('; ')
  }

  #followTimeline(node: ServerNode, identity: Identity): void {
    const from = this.#led ? this.timeline : undefined
    this.#led = true
    this.timeline = identity.timeline
    if (from === undefined || from === identity.timeline) return
    this.#ring.clear()
    const survivedUpTo = branchPoint(node, identity, from)
    this.#history.note({ from, to: identity.timeline, survivedUpTo })
    this.#events.onTimeline({
      from,
      to: identity.timeline,
      survivedUpTo: survivedUpTo === undefined ? undefined : formatLsn(survivedUpTo),
      node: node.name,
    })
  }
}
