import { InvalidArgumentError, Option, type Command } from 'commander'
import { writeFile } from 'node:fs/promises'
import { resolve as resolvePath } from 'node:path'
import { StrataError } from '../../base/errors.ts'
import { readNodeFacts, type ConfiguredNode } from '../../db/node-facts.ts'
import { planPgBouncer, renderPgBouncer, type PgBouncerServer } from '../../db/pgbouncer.ts'
import type { Strata } from '../../strata.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { withStrata } from '../open.ts'
import { printJson } from '../output.ts'
import type { Run } from '../run.ts'

interface PgBouncerOptions extends GlobalOptions {
  readonly processes: number
  readonly maxConnections?: number
  readonly out?: string
  readonly force?: boolean
}

export function addPgBouncer(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('pgbouncer')
    .description('print a pgbouncer.ini for the servers of the configuration, with its sizes worked out')
    .addOption(
      new Option('--processes <n>', 'processes of the application, over all machines').argParser(parseCount).default(1),
    )
    .addOption(
      new Option('--max-connections <n>', 'max_connections of every server; otherwise they are asked').argParser(
        parseCount,
      ),
    )
    .option('--out <file>', 'write it there')
    .option('--force', 'write over a file')
    .addHelpText('after', '\nExample:\n  $ pgstrata pgbouncer --processes 12 --out pgbouncer.ini\n')
  run(command, (given) =>
    withStrata(context, given, async (strata) => {
      const options = given as unknown as PgBouncerOptions
      const [primary, ...replicas] = await Promise.all(strata.nodes.map((node) => sizeUp(node, strata, options)))
      if (primary === undefined) return 1
      const plan = planPgBouncer({
        servers: [primary, ...replicas],
        processes: options.processes,
        waitMs: strata.config.pool.connectionTimeoutMillis,
        sslMode: strictestSslMode(strata),
      })
      const ini = renderPgBouncer(plan)
      if (options.out !== undefined) await write(resolvePath(context.cwd, options.out), ini, options)
      if (options.json === true) printJson(context, { ...plan, ini, file: options.out ?? null })
      else if (options.out === undefined) context.out(ini)
      else context.err(`Wrote ${options.out}\n`)
      return 0
    }),
  )
}

/** The server itself, also where the URL leads through a pooler already. */
async function sizeUp(node: ConfiguredNode, strata: Strata, options: PgBouncerOptions): Promise<PgBouncerServer> {
  const db = node.isReplica ? node.db : strata.db
  const { name, connections } = node
  const { target } = db
  if (options.maxConnections !== undefined) {
    return { name, target, maxConnections: options.maxConnections, reservedConnections: usuallyReserved, connections }
  }
  const facts = await readNodeFacts(db)
  const { maxConnections, reservedConnections, serverAddress, serverPort, database } = facts
  const itself =
    facts.direct || serverAddress === null || serverPort === null
      ? target
      : { ...target, host: serverAddress, port: serverPort, database }
  return { name, target: itself, maxConnections, reservedConnections, connections }
}

/** PostgreSQL's default of superuser_reserved_connections. */
const usuallyReserved = 3

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']

function strictestSslMode({ config }: Strata): string | undefined {
  const urls = [config.database.direct, ...config.pool.replicas.map((replica) => replica.connectionString)]
  // 'no-verify' is node-postgres's name for what libpq calls 'require'.
  const modes = urls.map((url) =>
    sslModes.indexOf((new URL(url).searchParams.get('sslmode') ?? '').replace('no-verify', 'require')),
  )
  return sslModes[Math.max(...modes)]
}

async function write(path: string, text: string, { out = path, force }: PgBouncerOptions): Promise<void> {
  try {
    await writeFile(path, text, { flag: force === true ? 'w' : 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new StrataError('FILE_EXISTS', {
      message: `There is a file ${out} already`,
      advice: 'Move it away, name another, or write over it with --force.',
    })
  }
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('A whole number from 1 is expected.')
  return count
}
