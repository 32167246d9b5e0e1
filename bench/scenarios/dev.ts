// From nothing to the first query: the whole process `pgstrata dev`, with a primary, a streaming replica and the
// migrations of examples/mycelix; the cluster alone; and, beside it, the distribution's initdb and pg_ctl, which make a
// primary and nothing else. Warm: binaries unpacked and in the page cache, as they are from the second start on.

import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startCluster, type ClusterOptions } from 'pgstrata/embedded'
import { measureRounds, type Variant } from '../harness/rounds.ts'
import type { BenchContext, Comparison, Figure, Scenario, ScenarioResult } from '../harness/scenario.ts'
import { startDev } from '../support/dev-process.ts'
import { firstQuery } from '../support/first-query.ts'
import {
  findSystemPostgres,
  prepareSystemFolder,
  startSystemServer,
  type SystemPostgres,
} from '../support/system-postgres.ts'
import { inTemporaryFolder } from '../support/temporary-folder.ts'

const example = fileURLToPath(new URL('../../examples/mycelix/', import.meta.url))
const rounds = { full: 9, quick: 2 }

export const devScenario: Scenario = {
  name: 'dev',
  title: 'Start to first query',
  against: "the distribution's initdb and pg_ctl",
  goals: { start_s: { atMost: 3 } },
  run: measure,
}

async function measure(context: BenchContext): Promise<ScenarioResult> {
  const { signal, progress, quick } = context
  const system = await findSystemPostgres()
  const compared = 'missing' in system ? [] : [keptCluster(system, signal), systemServer(system)]
  const variants = [devProcess, scratchCluster(signal), ...compared]
  // A quick run leaves out the warm-up of all but the binaries.
  const postgres = await versionOf(signal)
  const warmUps = quick ? 0 : 1
  await measureRounds(variants, { rounds: warmUps, signal, progress: (line) => progress(`warm-up, ${line}`) })
  const samples = await measureRounds(variants, { rounds: quick ? rounds.quick : rounds.full, signal, progress })

  const seconds = (title: string, name: string): Record<string, Figure> => ({
    [name]: { title, unit: 's', samples: samples.get(name) ?? [] },
  })
  const figures = {
    ...seconds('`pgstrata dev` with new data: primary, replica and migrations', 'start_s'),
    ...seconds('`pgstrata dev` with the data of last time', 'restart_s'),
    ...seconds('`startCluster`: primary and replica, not durable', 'cluster_s'),
  }
  if ('missing' in system)
    return { postgres, figures, comparisons: {}, notes: [`Not compared with the distribution's: ${system.missing}.`] }
  const { major } = system
  const comparisons: Record<string, Comparison> = {
    vs_system: {
      title: `PostgreSQL ${major}, new durable data: ours with a replica, the distribution's without`,
      ours: 'same_version_s',
      theirs: 'system_s',
    },
  }
  const sides = {
    ...seconds(`\`startCluster\`: primary and replica, PostgreSQL ${major}, data kept`, 'same_version_s'),
    ...seconds(`initdb and pg_ctl of PostgreSQL ${major}: a primary`, 'system_s'),
  }
  return { postgres, figures: { ...figures, ...sides }, comparisons, notes: [] }
}

const devProcess: Variant = {
  name: 'pgstrata dev',
  run: () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, 'pgstrata.config.ts'), configText)
      const start = await startOnce(folder)
      const restart = await startOnce(folder)
      const { length } = await readdir(join(example, 'migrations'))
      if (start.migrations !== length || restart.migrations !== 0) {
        throw new Error(`Expected ${length} migrations, then none; got ${start.migrations}, then ${restart.migrations}`)
      }
      return { start_s: start.tookMs / 1_000, restart_s: restart.tookMs / 1_000 }
    }),
}

/** The example's migrations, with data elsewhere, on any free port; without what else it declares, which `apply` would make. */
const configText = `import config from ${JSON.stringify(join(example, 'pgstrata.config.ts'))}

export default {
  database: config.database,
  migrations: { dir: ${JSON.stringify(join(example, 'migrations'))} },
  dev: { ...config.dev, dir: './data', port: 0 },
}
`

/** From the spawn of the process until primary and replica have answered. */
async function startOnce(folder: string): Promise<{ tookMs: number; migrations: number; dataDir: string }> {
  const begun = performance.now()
  const { primary, replicas, migrations, dataDir, stop } = await startDev(folder)
  try {
    await Promise.all([primary, ...replicas].map(firstQuery))
    return { tookMs: performance.now() - begun, migrations, dataDir }
  } finally {
    await stop()
  }
}

function scratchCluster(signal: AbortSignal): Variant {
  return {
    name: 'startCluster',
    run: () =>
      inTemporaryFolder(async (folder) => {
        const dataDir = join(folder, 'data')
        await mkdir(dataDir)
        return { cluster_s: (await startAndAskMs({ replicas: 1, dataDir, durable: false, signal })) / 1_000 }
      }),
  }
}

function keptCluster(system: SystemPostgres, signal: AbortSignal): Variant {
  const { major: version } = system
  return {
    name: `startCluster, PostgreSQL ${version}`,
    run: () =>
      inTemporaryFolder(async (folder) => {
        const dataDir = join(folder, 'data')
        await mkdir(dataDir)
        return { same_version_s: (await startAndAskMs({ version, replicas: 1, dataDir, signal })) / 1_000 }
      }),
  }
}

async function startAndAskMs(options: ClusterOptions): Promise<number> {
  const begun = performance.now()
  const cluster = await startCluster(options)
  try {
    await Promise.all([cluster.primary, ...cluster.replicas].map((node) => firstQuery(node.url())))
    return performance.now() - begun
  } finally {
    await cluster.stop()
  }
}

function systemServer(system: SystemPostgres): Variant {
  return {
    name: `initdb and pg_ctl, PostgreSQL ${system.major}`,
    run: () =>
      inTemporaryFolder(async (parent) => {
        const folder = await prepareSystemFolder(system, parent)
        const begun = performance.now()
        const server = await startSystemServer(system, folder)
        try {
          await firstQuery(server.url)
          return { system_s: (performance.now() - begun) / 1_000 }
        } finally {
          await server.stop()
        }
      }),
  }
}

async function versionOf(signal: AbortSignal): Promise<string> {
  const cluster = await startCluster({ signal })
  await cluster.stop()
  return cluster.version
}
