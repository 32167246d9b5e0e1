// Which node serves a statement, and why. The choice and its explanation ask the same question of each node, so they cannot
// tell different stories.
// Invariant: a read goes to a replica only if that is up, on the writer's timeline, lately looked at, within its maxLag and,
// as far as was seen, not behind the session. (The connection itself is asked again, in the same flight as the read.)
// Whatever is uncertain goes to the primary.

import type { Clock } from '../../../base/clock.ts'
import { StrataError } from '../../../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Route } from '../options.ts'
import type { ServerNode } from '../cluster/server-node.ts'
import type { CausalSession } from './session.ts'

export interface RouterOptions {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly sampleEveryMs: number
}

/** A sample older than this proves nothing any more. */
const maxSampleAgeMs = 250

export type Reason =
  | 'it takes no such reads'
  | 'it was passed over in this attempt'
  | 'it is down or refused'
  | 'it is not a replica'
  | 'it follows another timeline'
  | 'it was not looked at lately'
  | 'it lags too far behind'
  | 'it is behind the session'

export class Router {
  readonly #cluster: Cluster
  readonly #clock: Clock
  readonly #maxAgeMs: number
  #turn = 0

  constructor(options: RouterOptions) {
    this.#cluster = options.cluster
    this.#clock = options.clock
    this.#maxAgeMs = Math.max(maxSampleAgeMs, options.sampleEveryMs * 4)
  }

  /**
   * The eligible node with the least to do, or undefined: the primary has to serve it. Analytics that no node of its own
   * can take goes where other reads go.
   */
  pick(route: Route, session: CausalSession | undefined, passedOver?: ReadonlySet<ServerNode>): ServerNode | undefined {
    if (session !== undefined && this.mustUsePrimary(session) !== undefined) return undefined
    const picked = this.#pickOf(route, session, passedOver)
    return picked === undefined && route === 'analytics' ? this.#pickOf('read', session, passedOver) : picked
  }

  #pickOf(
    route: Route,
    session: CausalSession | undefined,
    passedOver: ReadonlySet<ServerNode> | undefined,
  ): ServerNode | undefined {
    const nowMs = this.#clock.monotonic()
    const { nodes } = this.#cluster
    const first = this.#turn++ % nodes.length
    let best: ServerNode | undefined
    let least = Number.POSITIVE_INFINITY
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[(first + index) % nodes.length] as ServerNode
      if (passedOver?.has(node) === true || this.whyNot(node, route, session, nowMs) !== undefined) continue
      const load = node.pool.outstanding / node.options.max
      if (load < least) {
        best = node
        least = load
      }
    }
    return best
  }

  /** Why a node may not serve reads of `route`; undefined: it may. */
  whyNot(node: ServerNode, route: Route, session: CausalSession | undefined, nowMs: number): Reason | undefined {
    if (!node.options.routes.has(route)) return 'it takes no such reads'
    if (node.state !== 'up') return 'it is down or refused'
    if (node === this.#cluster.writer) return undefined
    if (node.identity?.isReplica !== true) return 'it is not a replica'
    if (node.identity.timeline !== this.#cluster.timeline) return 'it follows another timeline'
    if (nowMs - node.sampledAtMs > this.#maxAgeMs) return 'it was not looked at lately'
    if (node.lagMs > node.options.maxLagMs) return 'it lags too far behind'
    if (session !== undefined && node.position < session.lsn) return 'it is behind the session'
    return undefined
  }

  /** What keeps a session's reads from all replicas; undefined: nothing. */
  mustUsePrimary(session: CausalSession): string | undefined {
    if (session.isUnsettled) return 'the position of an earlier statement of the session is not known'
    if (session.timeline !== 0 && session.timeline !== this.#cluster.timeline) {
      return `the session's token is of timeline ${session.timeline}, the cluster is on ${this.#cluster.timeline ?? 'an unknown one'}`
    }
    return undefined
  }

  /** Whether waiting may help: some replica is only late, not unfit. */
  mayCatchUp(route: Route, session: CausalSession | undefined): boolean {
    if (session !== undefined && this.mustUsePrimary(session) !== undefined) return false
    const nowMs = this.#clock.monotonic()
    const routes: readonly Route[] = route === 'analytics' ? ['analytics', 'read'] : [route]
    return this.#cluster.nodes.some((node) =>
      routes.some((each) => {
        const why = this.whyNot(node, each, session, nowMs)
        return why === 'it is behind the session' || why === 'it was not looked at lately'
      }),
    )
  }

  /** Nobody who could be asked has come as far as the session. */
  behindError(node: ServerNode): StrataError {
    return new StrataError('TOKEN_AHEAD', {
      message: `${node.name} is behind what the session has seen`,
      advice: 'It is a replica that has not caught up, and there is no primary to ask instead: name one, or wait.',
    })
  }

  /** The server that takes writes, and that stands in for replicas. */
  writer(session?: CausalSession): ServerNode {
    const { writer } = this.#cluster
    if (writer === undefined) throw this.#cluster.noWriterError()
    const known = this.#cluster.timeline
    if (session !== undefined && known !== undefined && session.timeline > known) {
      throw new StrataError('TOKEN_AHEAD', {
        message: `The session has seen timeline ${session.timeline}; the primary known here is on ${known}`,
        advice: 'There was a failover that this process has not found. Check its URLs; it keeps looking.',
      })
    }
    return writer
  }
}
