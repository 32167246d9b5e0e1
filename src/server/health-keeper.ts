// What is known of the health of everything, kept by looking every few seconds, so that an answer costs nothing: it is made
// of what was seen last, and says how old that is.
//
// Promises: one look at a time, each with an end; what was seen longer than 15 s ago is not believed, and counts as down, for
// whoever hangs does not look well. A first question waits for the first look, at most 2 s. It is down when statements of applications
// find nobody who takes writes; that the direct address leads nowhere, while a pooler or a promoted replica serves them, is no more than degraded.
// State: the last look, and the timer of the next. `close` ends both.

import type { Clock } from '../base/clock.ts'
import { isStrataError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { NodeReport } from '../db/node-facts.ts'
import { translateError } from '../db/translate.ts'
import type { Health, ReplicaHealth } from './contract/health.ts'

/** What a server says of itself. */
export interface Asked {
  /** It is in recovery: it takes no writes. */
  readonly isReplica: boolean
}

export interface HealthSources {
  /** Asks the primary by its direct address, and fails where it is away. */
  ask(): Promise<Asked>
  /** The same by the address that statements of applications go by, where it is another: a pooler's. */
  readonly askPool: (() => Promise<Asked>) | undefined
  /** Of all servers, the primary among them; it may take seconds. */
  nodes(): Promise<readonly NodeReport[]>
  /** `ask`: as one that was promoted would be found. */
  readonly replicas: readonly { readonly name: string; readonly maxLagMs: number; ask(): Promise<Asked> }[]
  redis(): Health['redis']
  /** undefined: none is declared. */
  readonly feed: (() => Promise<{ readonly isUp: boolean }>) | undefined
  jobs(): Promise<readonly { readonly name: string; readonly isFailing: boolean }[]>
  /** Its connections. */
  close(): Promise<void>
}

export interface HealthTools {
  readonly clock: Clock
  readonly logger: Logger
}

/** What the pool calls the server that the configuration has as its primary. */
const primaryName = 'primary'
const everyMs = 3_000
const maxAgeMs = 15_000
const firstMs = 2_000
const lookMs = 3_000

interface Look {
  readonly atMs: number
  readonly monotonicMs: number
  readonly database: Health['database']
  readonly pool: Health['pool']
  readonly replicas: readonly ReplicaHealth[]
  readonly feed: Health['feed']
  readonly jobs: Health['jobs']
}

export class HealthKeeper {
  readonly #sources: HealthSources
  readonly #tools: HealthTools
  #last: Look | undefined
  #looking: Promise<void> | undefined
  #cancelNext: (() => void) | undefined
  #isClosed = false
  /** What was asked and has not answered yet is not asked beside that. */
  readonly #pending = new Set<string>()

  constructor(sources: HealthSources, tools: HealthTools) {
    this.#sources = sources
    this.#tools = tools
  }

  start(): void {
    if (this.#looking === undefined && this.#cancelNext === undefined) this.#begin()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelNext?.()
    await this.#sources.close()
  }

  /** Of what is known; waits only where nothing is yet. */
  async read(): Promise<Health> {
    this.start()
    if (this.#last === undefined) await this.#within(firstMs, this.#looking ?? Promise.resolve())
    return this.#judge()
  }

  #begin(): void {
    if (this.#isClosed) return
    this.#cancelNext = undefined
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined
      if (!this.#isClosed) this.#cancelNext = this.#tools.clock.after(everyMs, () => this.#begin())
    })
  }

  async #look(): Promise<void> {
    const { clock } = this.#tools
    const sources = this.#sources
    const { feed } = sources
    const { askPool } = sources
    const [database, primary] = await Promise.all([
      this.#askOne('direct', () => sources.ask()),
      askPool === undefined ? undefined : this.#askOne('pool', askPool),
    ])
    const pool = await this.#findWriter(primary ?? database)
    // Away is away: the others are asked through it, and each would only wait as long again.
    const isUp = database.status === 'up'
    const [found, feedState, jobStates] = await Promise.all([
      isUp ? this.#attempt('replicas', () => sources.nodes()) : undefined,
      isUp && feed !== undefined ? this.#attempt('feed', feed) : undefined,
      isUp ? this.#attempt('jobs', () => sources.jobs()) : undefined,
    ])
    const failing = jobStates?.filter(({ isFailing }) => isFailing).map(({ name }) => name)
    this.#last = {
      atMs: clock.now(),
      monotonicMs: clock.monotonic(),
      database,
      pool,
      replicas: this.#replicas(found, pool),
      feed: feed === undefined ? 'none' : feedState === undefined ? 'unknown' : feedState.isUp ? 'up' : 'down',
      jobs: {
        status: failing === undefined ? 'unknown' : failing.length > 0 ? 'failing' : 'ok',
        failing: failing ?? [],
      },
    }
  }

  /** Up: it takes writes. */
  async #askOne(what: string, ask: () => Promise<Asked>): Promise<Health['database']> {
    const { clock } = this.#tools
    const beganMs = clock.monotonic()
    const asked = await this.#once(what, () =>
      ask().then(
        ({ isReplica }) => ({ isReplica, error: undefined }),
        (error: unknown) => ({ isReplica: false, error }),
      ),
    )
    if (asked === undefined) return { status: 'down', error: 'QUERY_TIMEOUT', latencyMs: null }
    if (asked.error !== undefined) {
      const error = translateError(asked.error)
      return { status: 'down', error: isStrataError(error) ? error.code : 'DATABASE_UNREACHABLE', latencyMs: null }
    }
    if (asked.isReplica) return { status: 'down', error: 'DATABASE_IS_REPLICA', latencyMs: null }
    return { status: 'up', error: null, latencyMs: clock.monotonic() - beganMs }
  }

  /** Where the pool finds who takes writes: the configured primary, or a replica that was promoted. */
  async #findWriter({ status, error }: Health['database']): Promise<Health['pool']> {
    if (status === 'up') return { status: 'up', writer: primaryName, error: null }
    const { replicas } = this.#sources
    const answers = await Promise.all(replicas.map((one) => this.#askOne(`replica ${one.name}`, () => one.ask())))
    const promoted = replicas.find((_, index) => answers[index]?.status === 'up')
    if (promoted !== undefined) return { status: 'up', writer: promoted.name, error: null }
    return { status: 'down', writer: null, error }
  }

  #replicas(found: readonly NodeReport[] | undefined, { writer }: Health['pool']): readonly ReplicaHealth[] {
    return this.#sources.replicas.map(({ name, maxLagMs }) => {
      if (writer === name) return { name, status: 'up', lagMs: 0 }
      if (found === undefined) return { name, status: 'unknown', lagMs: null }
      const report = found.find(({ node }) => node === name)
      if (report?.role !== 'replica') return { name, status: 'down', lagMs: null }
      // A lag that was not over while it was watched is further than it may be.
      const isNear = report.lagMs !== null && report.lagMs <= maxLagMs
      return { name, status: isNear ? 'up' : 'lagging', lagMs: report.lagMs }
    })
  }

  async #attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return await this.#once(what, () =>
      work().catch((error: unknown) => {
        const { code } = (translateError(error) ?? {}) as { readonly code?: unknown }
        this.#tools.logger.debug('Part of the health could not be read', { what, code })
        return undefined
      }),
    )
  }

  /** undefined: it was not answered in time, or still is not from the last time. `work` never rejects. */
  async #once<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#pending.has(what)) return undefined
    this.#pending.add(what)
    return await this.#within(
      lookMs,
      work().finally(() => this.#pending.delete(what)),
    )
  }

  async #within<T>(limitMs: number, work: Promise<T>): Promise<T | undefined> {
    let cancel: (() => void) | undefined
    const late = new Promise<undefined>((resolve) => {
      cancel = this.#tools.clock.after(limitMs, () => resolve(undefined))
    })
    try {
      return await Promise.race([work, late])
    } finally {
      cancel?.()
    }
  }

  #judge(): Health {
    const { clock } = this.#tools
    const last = this.#last
    const ageMs = last === undefined ? null : Math.max(0, Math.round(clock.monotonic() - last.monotonicMs))
    const isBelieved = ageMs !== null && ageMs <= maxAgeMs
    const redis = this.#sources.redis()
    const { database, pool, replicas, feed, jobs } = last !== undefined && isBelieved ? last : this.#unknown()
    const problems = [
      ...problemsOfPrimary(database, pool),
      ...replicas.filter(({ status }) => status !== 'up').map(({ name, status }) => `replica ${name}: ${status}`),
      ...(redis === 'down' ? ['Redis is away'] : []),
      ...(feed === 'down' ? ['nobody takes in changes'] : feed === 'unknown' ? ['the feed is not known to run'] : []),
      ...jobs.failing.map((name) => `job ${name} failed the last time`),
      ...(jobs.status === 'unknown' ? ['what became of jobs is not known'] : []),
    ]
    return {
      status: pool.status === 'up' ? (problems.length === 0 ? 'ok' : 'degraded') : 'down',
      checkedAt: last === undefined ? null : new Date(last.atMs).toISOString(),
      ageMs,
      maxAgeMs,
      database,
      pool,
      replicas,
      redis,
      feed,
      jobs,
      problems,
    }
  }

  /** Of what was seen too long ago, nothing is said, whatever it was. */
  #unknown(): Pick<Health, 'database' | 'pool' | 'replicas' | 'feed' | 'jobs'> {
    const { replicas, feed } = this.#sources
    return {
      database: { status: 'unknown', error: null, latencyMs: null },
      pool: { status: 'unknown', writer: null, error: null },
      replicas: replicas.map(({ name }) => ({ name, status: 'unknown', lagMs: null })),
      feed: feed === undefined ? 'none' : 'unknown',
      jobs: { status: 'unknown', failing: [] },
    }
  }
}

function problemsOfPrimary(database: Health['database'], { status, writer }: Health['pool']): readonly string[] {
  const isReplica = database.error === 'DATABASE_IS_REPLICA'
  const direct =
    database.status === 'up'
      ? []
      : database.status === 'unknown'
        ? ['the primary is not known to be there']
        : [isReplica ? 'the primary takes no writes: it is a replica' : 'the primary is away']
  const others =
    status === 'up'
      ? writer === primaryName
        ? []
        : [`${writer ?? ''} takes writes in its place`]
      : database.status === 'up'
        ? ['the primary is away where the pool looks for it']
        : []
  return [...direct, ...others]
}
