// What the server itself knows, as families of samples: health, and what is configured.

import type { Family } from '../../watch/index.ts'
import type { Health } from '../contract/health.ts'
import type { Sources } from '../sources.ts'

export function familiesOfProcess({ version }: Pick<Sources, 'version'>, health: Health): readonly Family[] {
  return [
    {
      name: 'pgstrata_info',
      help: 'The version of pgstrata that answers; always 1.',
      type: 'gauge',
      samples: [{ labels: { version }, value: 1 }],
    },
    {
      name: 'pgstrata_health',
      help: 'Whether a part is there: 1, or 0 while it is away; NaN while that is not known. `pool` is where statements of applications go.',
      type: 'gauge',
      samples: [
        partOf('primary', health.database.status),
        partOf('pool', health.pool.status),
        ...health.replicas.map(({ name, status }) => partOf(`replica ${name}`, status)),
        ...(health.redis === 'none' ? [] : [partOf('redis', health.redis)]),
        ...(health.feed === 'none' ? [] : [partOf('feed', health.feed)]),
      ],
    },
  ]
}

function partOf(part: string, status: 'up' | 'lagging' | 'down' | 'unknown'): Family['samples'][number] {
  return { labels: { part }, value: status === 'unknown' ? Number.NaN : status === 'up' ? 1 : 0 }
}
