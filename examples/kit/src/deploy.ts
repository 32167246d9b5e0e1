// npm run deploy of an app: the database first, by `pgstrata deploy`, then the service, replaced without a gap. What the new process needs
// of the database is there before it starts; the one before goes on until the new one is ready. Where the database is not as
// declared afterwards, the service stays as it is. Tables that have rows and are to be partitioned are converted, where the app names them.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readArguments } from './arguments.ts'
import { runCommand, tell } from './command.ts'
import { convertTables } from './convert-tables.ts'
import { startService, stopService } from './service/service.ts'
import type { Environment, ServiceSettings } from './settings.ts'

export interface DeployCommand extends DeployedService {
  /** Of the service: 'HOST, PORT, APP_SECRET'. */
  readonly variables: string
  /** The variable that names the database. Default: DATABASE_URL. */
  readonly databaseName?: string
  /** Keys of `tables` in the configuration that are partitioned while they are used, where a deployment finds rows in them. */
  readonly convert?: readonly string[]
  /** What is to be done to a database that is deployed, before the service is replaced. */
  readonly afterDatabase?: () => Promise<void>
}

interface DeployedService {
  /** The app's, with its pgstrata.config.ts. */
  readonly folder: string
  /** The module that serves. */
  readonly entry: URL
  readonly readSettings: (env: Environment) => ServiceSettings
  /** The variable of the secret. One is made and kept where it is not set. */
  readonly secretName: string
}

const options = {
  'dry-run': { type: 'boolean' },
  'no-service': { type: 'boolean' },
  stop: { type: 'boolean' },
} as const

/** What `pgstrata deploy` ends with where something is left to a person, such as a table with rows that is to be partitioned. */
const leftToSomebody = 2

export async function runDeploy(command: DeployCommand): Promise<void> {
  const { variables, databaseName = 'DATABASE_URL', convert = [], afterDatabase, ...service } = command
  const usage = `npm run deploy -- [--dry-run | --no-service | --stop]
  --dry-run     checks the database, and shows what would be done
  --no-service  the database alone
  --stop        ends the service
  The database is ${databaseName}, or that of pgstrata.config.ts. The service takes ${variables}.`
  await runCommand(async (signal) => {
    const values = readArguments({ usage, options })
    if (values === undefined) return
    const { folder } = service
    if (values['stop'] === true)
      return tell((await stopService({ folder })) ? 'The service has ended' : 'There was none')
    const isDry = values['dry-run'] === true
    let code = await deployDatabase({ folder, isDry, signal })
    if (code === leftToSomebody && !isDry && convert.length > 0) {
      const converted = await convertTables({ folder, keys: convert, signal, tell })
      if (converted.length > 0) code = await deployDatabase({ folder, isDry, signal })
    }
    process.exitCode = code
    if (isDry) return
    if (code !== 0) return tell('The service was left as it is.')
    await afterDatabase?.()
    if (values['no-service'] !== true) await replaceService(service)
  })
}

async function replaceService({ folder, entry, readSettings, secretName }: DeployedService): Promise<void> {
  const { host, port, secret } = readSettings(process.env)
  const { logPath } = await startService({
    folder,
    entry: fileURLToPath(entry),
    env: { ...process.env, [secretName]: secret ?? (await keptSecret(folder)) },
    readyUrl: `http://${host}:${port}/health/ready`,
  })
  tell(`The service is http://${host}:${port}, and says more in ${logPath}`)
}

interface DatabaseOptions {
  readonly folder: string
  /** Shows what would be done. */
  readonly isDry: boolean
  readonly signal: AbortSignal
}

/** As `npx pgstrata deploy` in the folder would; the code it ends with. */
async function deployDatabase({ folder, isDry, signal }: DatabaseOptions): Promise<number> {
  const library = dirname(createRequire(import.meta.url).resolve('pgstrata/package.json'))
  const words = [join(library, 'dist', 'cli', 'main.js'), 'deploy', ...(isDry ? ['--dry-run'] : [])]
  const child = spawn(process.execPath, words, { cwd: folder, stdio: 'inherit' })
  signal.addEventListener('abort', () => child.kill('SIGINT'))
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 130
}

/** One for all processes that come after each other, or sessions would end with each of them. */
async function keptSecret(folder: string): Promise<string> {
  const path = join(folder, '.pgstrata', 'secret')
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' }).catch(ifThere)
  return await readFile(path, 'utf8')
}

function ifThere(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
}
