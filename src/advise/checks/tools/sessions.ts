// What an ordinary role sees of sessions and replicas: that they are there, and nothing of what they do.

import type { NodeFacts } from '../../../watch/index.ts'

/** Silence would be taken for all being well. */
export function withoutSight({ seesAll }: NodeFacts): string | undefined {
  return seesAll
    ? undefined
    : 'not available because the role may not see what sessions and replicas of others do: grant pg_monitor to it'
}
