// One temporary cluster per version for the whole run, shared by all test files; each file makes databases of its own.
// A version whose binaries are nowhere fails the run with the command that installs them: it is left out only on request.

import { statfs } from 'node:fs/promises'
import type { TestProject } from 'vitest/node'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { versions, versionsSkipped } from './versions.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** URLs of database "postgres", by major version. */
    postgresUrls: Readonly<Record<number, string>>
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  for (const version of versionsSkipped) console.log(`PGSTRATA_SKIP: nothing is tested on PostgreSQL ${version}`)
  await useMemoryDisk()
  const clusters = new Map<number, EmbeddedCluster>()
  const stop = async (): Promise<void> => {
    await Promise.all([...clusters.values()].map((cluster) => cluster.stop()))
  }
  const outcomes = await Promise.allSettled(
    versions.map(async (version) => {
      clusters.set(
        version,
        await startCluster({
          version,
          preload: ['pg_stat_statements'],
          settings: {
            max_connections: '200',
            // It holds snapshots and locks when it likes; tests vacuum and analyze by themselves.
            autovacuum_naptime: '1d',
            max_locks_per_transaction: '256',
            // One table for the whole cluster: three thousand tests at once would push out what one of them looks for.
            'pg_stat_statements.track': 'none',
          },
        }),
      )
    }),
  )
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) {
    await stop()
    throw failed.reason
  }
  project.provide(
    'postgresUrls',
    Object.fromEntries([...clusters].map(([version, cluster]) => [version, cluster.primary.url('postgres')])),
  )
  return stop
}

const memoryDisk = '/dev/shm'
const memoryNeededBytes = 6 * 1024 ** 3

/** A fresh database is 300 new files: 10 ms in memory, 200 ms on a slow ext4. Workers inherit the environment. */
async function useMemoryDisk(): Promise<void> {
  if (process.env['TMPDIR'] !== undefined || process.platform !== 'linux') return
  const space = await statfs(memoryDisk).catch(() => undefined)
  if (space !== undefined && space.bavail * space.bsize >= memoryNeededBytes) process.env['TMPDIR'] = memoryDisk
}
