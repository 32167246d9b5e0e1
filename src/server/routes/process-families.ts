// What the server itself knows, as families of samples: health, and what is configured.

import type { Family } from '../../watch/index.ts'
import type { Health } from '../contract/health.ts'
import type { Sources } from '../sources.ts'

export function familiesOfProcess({ version }: Pick<Sources, 'version'>, health: Health): readonly Family[] {
  const isKnown = health.database.status !== 'unknown'
  return [
    {
      name: 'pgstrata_info',
      help: 'The version of pgstrata that answers; always 1.',
      type: 'gauge',
      samples: [{ labels: { version }, value: 1 }],
    },
    {
      name: 'pgstrata_health',
      help: 'Whether a part is there: 1, or 0 while it is away.',
      type: 'gauge',
      samples: [
        ...(isKnown ? [{ labels: { part: 'primary' }, value: health.database.status === 'up' ? 1 : 0 }] : []),
        ...health.replicas
          .filter(({ status }) => status !== 'unknown')
          .map(({ name, status }) => ({ labels: { part: `replica ${name}` }, value: status === 'up' ? 1 : 0 })),
        ...(health.redis === 'none' ? [] : [{ labels: { part: 'redis' }, value: health.redis === 'up' ? 1 : 0 }]),
        ...(health.feed === 'up' || health.feed === 'down'
          ? [{ labels: { part: 'feed' }, value: health.feed === 'up' ? 1 : 0 }]
          : []),
      ],
    },
  ]
}
