// What the server answers of health. Nothing here names a host, a user or a statement: everybody may ask.

import { list, nullable, number, object, oneOf, text, time, whole, type Shape } from '../shape.ts'

export interface Health {
  /** 'down': nobody takes the writes of applications, or nothing is known of that any more; answered with 503. */
  readonly status: 'ok' | 'degraded' | 'down'
  /** When it was looked at last; null: not yet. */
  readonly checkedAt: string | null
  readonly ageMs: number | null
  /** Older than that it is not believed. */
  readonly maxAgeMs: number
  /** By its direct address. 'up': it takes writes. */
  readonly database: {
    readonly status: 'up' | 'down' | 'unknown'
    /** A code of docs/errors.md. */
    readonly error: string | null
    readonly latencyMs: number | null
  }
  /** By the addresses that statements go by: through a pooler, and on a replica that was promoted. */
  readonly pool: {
    readonly status: 'up' | 'down' | 'unknown'
    /** Who takes writes: 'primary', or the name of a replica. */
    readonly writer: string | null
    readonly error: string | null
  }
  readonly replicas: readonly ReplicaHealth[]
  readonly redis: 'none' | 'up' | 'down'
  /** Whether some process takes in changes. */
  readonly feed: 'none' | 'up' | 'down' | 'unknown'
  readonly jobs: { readonly status: 'ok' | 'failing' | 'unknown'; readonly failing: readonly string[] }
  /** For people: what keeps it from being 'ok'. */
  readonly problems: readonly string[]
}

export interface ReplicaHealth {
  readonly name: string
  readonly status: 'up' | 'lagging' | 'down' | 'unknown'
  readonly lagMs: number | null
}

export interface Liveness {
  readonly status: 'ok'
}

export interface Readiness {
  readonly status: 'ready' | 'not ready'
  readonly problems: readonly string[]
}

export const healthShape: Shape<Health> = object<Health>({
  status: oneOf('ok', 'degraded', 'down'),
  checkedAt: nullable(time()),
  ageMs: nullable(number()),
  maxAgeMs: whole(),
  database: object<Health['database']>({
    status: oneOf('up', 'down', 'unknown'),
    error: nullable(text()),
    latencyMs: nullable(number()),
  }),
  pool: object<Health['pool']>({
    status: oneOf('up', 'down', 'unknown'),
    writer: nullable(text()),
    error: nullable(text()),
  }),
  replicas: list(
    object<ReplicaHealth>({
      name: text(),
      status: oneOf('up', 'lagging', 'down', 'unknown'),
      lagMs: nullable(number()),
    }),
  ),
  redis: oneOf('none', 'up', 'down'),
  feed: oneOf('none', 'up', 'down', 'unknown'),
  jobs: object<Health['jobs']>({ status: oneOf('ok', 'failing', 'unknown'), failing: list(text()) }),
  problems: list(text()),
})

export const livenessShape: Shape<Liveness> = object<Liveness>({ status: oneOf('ok') })

export const readinessShape: Shape<Readiness> = object<Readiness>({
  status: oneOf('ready', 'not ready'),
  problems: list(text()),
})
