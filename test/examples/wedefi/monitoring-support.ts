// What the monitoring rules are tested with: somebody who is told of alerts and makes replicas, the app's configuration with rules that look each
// second, and sessions past the app.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { resolveConfig } from 'pgstrata'
import type { EmbeddedCluster } from 'pgstrata/embedded'
import config from '../../../examples/wedefi/pgstrata.config.ts'
import { monitoringActions, monitoringRules } from '../../../examples/wedefi/src/monitoring.ts'
import { replicasOf } from '../../../examples/wedefi/src/servers.ts'
import { folder, type WedefiConfig } from '../../../examples/wedefi/src/strata.ts'
import { testArchive } from './archive-folder.ts'

interface Posted {
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface Operations {
  readonly url: string
  /** Everything that came, in its order. */
  readonly posted: readonly Posted[]
  close(): void
}

/** Is told of alerts at /oncall, and makes replicas at /replicas: really. */
export async function openOperations(cluster: EmbeddedCluster): Promise<Operations> {
  const posted: Posted[] = []
  const make = async (): Promise<string> => {
    const replica = await cluster.addReplica()
    await replica.waitFor()
    return replica.name
  }
  const server: Server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (part: string) => (text += part))
    request.on('end', () => {
      const path = request.url ?? ''
      posted.push({ path, body: JSON.parse(text) as Record<string, unknown> })
      const answer = path === '/replicas' ? make() : Promise.resolve('nothing')
      answer.then(
        (made) => response.end(JSON.stringify({ made })),
        () => response.writeHead(500).end(),
      )
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posted,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

export interface Watched {
  readonly cluster: EmbeddedCluster
  readonly url: string
  readonly operationsUrl: string
}

/** Rules, thresholds and actions as the app has them. */
export function watchedConfig({ cluster, url, operationsUrl }: Watched): WedefiConfig {
  const env = { WEDEFI_SCALE_URL: `${operationsUrl}/replicas`, WEDEFI_MONITOR_WEBHOOK: `${operationsUrl}/oncall` }
  const quick = { for: '1s', keep: '1s' } as const
  const today = { ahead: 1, from: new Date(Date.now() - 86_400_000).toISOString().slice(0, 10) }
  const { tables } = config
  const given = {
    ...config,
    database: {
      ...config.database,
      primary: { ...config.database.primary, url },
      replicas: replicasOf({ read: cluster.replicas[0]?.url('wedefi') }),
    },
    tables: {
      ...tables,
      PriceSnapshot: { ...tables.PriceSnapshot, ...today },
      PortfolioSnapshot: { ...tables.PortfolioSnapshot, ...today },
      PositionSnapshot: { ...tables.PositionSnapshot, ...today },
    },
    archive: testArchive,
    jobs: { ...config.jobs, own: {} },
    watch: { every: { up: '1s', connections: '1s', replication: '1s', database: '1s', calls: '1s' } },
    alerts: {
      every: '1s',
      group: '0s',
      actions: monitoringActions(env),
      rules: Object.fromEntries(Object.entries(monitoringRules).map(([name, rule]) => [name, { ...rule, ...quick }])),
    },
  }
  return resolveConfig(given, { root: folder, name: 'pgstrata.config.ts' })
}

/** In a session of its own. */
export async function run(url: string, ...statements: readonly string[]): Promise<void> {
  const client = await connect(url)
  for (const statement of statements) await client.query(statement)
  await client.end()
}

export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  // Of a server that is stopped.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Again and again, until it is ended; then what was begun is waited for. */
export function repeat(work: () => Promise<unknown>): () => Promise<void> {
  let isEnded = false
  const looping = (async () => {
    while (!isEnded) await work()
  })()
  return async () => {
    isEnded = true
    await looping
  }
}
