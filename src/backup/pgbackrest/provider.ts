// pgBackRest as a provider: on the machine of the server, as the account that owns its data.
//
// What must be true: the account is that of the file that `init` wrote, which it gave to the owner of the data.

import { chown, mkdir } from 'node:fs/promises'
import { StrataError } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import { findRunUser, type RunUser } from '../../embedded/host.ts'
import { accountOf } from '../account.ts'
import type { BackupKind, BackupSettings } from '../model/options.ts'
import type { BackedServer, BackupProvider, InitReport, Requirement, RestoreRequest } from '../model/provider.ts'
import type { BackupRecord } from '../model/record.ts'
import { isThere } from '../presence.ts'
import { askPgBackRest, readVersion, runPgBackRest } from './command.ts'
import { renderConfigFile, writeConfigFile } from './config-file.ts'
import { parseInfo } from './parse-info.ts'
import { parseVerify } from './parse-verify.ts'

/** The first version that knows a version of PostgreSQL, by its release notes. */
const knownSince: Readonly<Record<number, string>> = { 15: '2.41', 16: '2.46', 17: '2.53.1', 18: '2.55.0' }

const typeOf: Readonly<Record<BackupKind, string>> = { full: 'full', differential: 'diff', incremental: 'incr' }

export function createPgBackRest(settings: BackupSettings, clock: Clock): BackupProvider {
  const { command, configFile, stanza } = settings
  const options = { command, configFile, stanza, clock }
  const account = (): Promise<RunUser | undefined> => accountOfConfig(configFile)
  const run = async (signal: AbortSignal | undefined, ...args: readonly string[]): Promise<string> =>
    await runPgBackRest(options, { args, account: await account(), signal })
  const list = async (signal: AbortSignal | undefined): Promise<readonly BackupRecord[]> =>
    parseInfo(await run(signal, 'info', '--output=json'), stanza)
  return {
    name: 'pgbackrest',
    account,
    init: (server, signal) => init(settings, { server, run, version: () => readVersion(options), signal }),
    prepareRestore: async (dir) => {
      if (await isThere(configFile)) return
      const place = { dataDir: dir, port: 5_432, socketDir: '/var/run/postgresql', database: 'postgres' }
      await writeConfigFile(configFile, renderConfigFile(settings, place), await findRunUser())
    },
    list,
    run: async (kind, signal) => {
      await run(signal, 'backup', `--type=${typeOf[kind]}`)
      const made = (await list(signal)).at(-1)
      if (made !== undefined) return made
      throw new StrataError('BACKUP_FAILED', { message: 'A backup was made, and is not in the repository' })
    },
    archive: async (signal) => void (await run(signal, 'check')),
    check: async (signal) => {
      const records = await list(signal)
      const args = ['verify', '--output=text']
      const answer = await askPgBackRest(options, { args, account: await account(), signal, level: 'detail' })
      return parseVerify(answer, records)
    },
    expire: async (signal) => {
      const before = await list(signal)
      await run(signal, 'expire')
      const kept = new Set((await list(signal)).map(({ label }) => label))
      return before.map(({ label }) => label).filter((label) => !kept.has(label))
    },
    restore: async (to, signal) => void (await run(signal, ...restoreArgs(to))),
  }
}

function restoreArgs({ backup, dir, tablespaces, target }: RestoreRequest): readonly string[] {
  return [
    'restore',
    `--pg1-path=${dir}`,
    `--set=${backup}`,
    `--tablespace-map-all=${tablespaces}`,
    // Otherwise it would go on in the archive of the server that it is a copy of.
    '--archive-mode=off',
    ...(target === 'latest' ? ['--type=default'] : ['--type=time', `--target=${target}`, '--target-action=promote']),
  ]
}

interface Init {
  readonly server: BackedServer
  readonly run: (signal: AbortSignal | undefined, ...args: readonly string[]) => Promise<string>
  readonly version: () => Promise<string>
  readonly signal: AbortSignal | undefined
}

async function init(settings: BackupSettings, { server, run, version, signal }: Init): Promise<InitReport> {
  const { configFile, repository } = settings
  requireKnown(await version(), server)
  const account = await accountOf(server.dataDir)
  if (repository.kind === 'folder') await makeRepository(repository.path, account)
  const written = await writeConfigFile(configFile, renderConfigFile(settings, server), account)
  await run(signal, 'stanza-create')
  const requirements = requirementsOf(settings, server)
  if (requirements.length === 0) await run(signal, 'check')
  return { configFile, written, requirements }
}

/** Pure. */
export function requirementsOf(
  { command, configFile, stanza }: Pick<BackupSettings, 'command' | 'configFile' | 'stanza'>,
  { settings }: Pick<BackedServer, 'settings'>,
): readonly Requirement[] {
  const archive = `${shellWord(command)} --config=${shellWord(configFile)} --stanza=${stanza} archive-push %p`
  const needed: readonly (Omit<Requirement, 'now'> & { readonly fits: boolean })[] = [
    { setting: 'wal_level', needed: 'replica', restart: true, fits: settings.wal_level !== 'minimal' },
    { setting: 'archive_mode', needed: 'on', restart: true, fits: settings.archive_mode !== 'off' },
    { setting: 'archive_command', needed: archive, restart: false, fits: settings.archive_command === archive },
    // How much a database that is little written to may lose.
    { setting: 'archive_timeout', needed: '60s', restart: false, fits: Number(settings.archive_timeout) > 0 },
  ]
  return needed.flatMap(({ fits, ...one }) => (fits ? [] : [{ ...one, now: settings[one.setting] }]))
}

/** The server hands the command to a shell, and reads what stands behind a percent sign itself. */
function shellWord(text: string): string {
  const word = text.replaceAll('%', '%%')
  return /^[\w./+:@=-]+$/.test(text) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** Pure: throws BACKUP_FAILED. */
export function requireKnown(version: string, { major }: Pick<BackedServer, 'major'>): void {
  const since = knownSince[major]
  if (since !== undefined && compareVersions(version, since) >= 0) return
  throw new StrataError('BACKUP_FAILED', {
    message: `pgBackRest ${version} does not know PostgreSQL ${major}`,
    expected: since === undefined ? 'a newer pgstrata' : `pgBackRest ${since} or newer`,
    got: version,
    advice: 'Install a newer one, for example from apt.postgresql.org.',
  })
}

function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => text.split('.').map(Number))
  for (let index = 0; index < 3; index++) {
    const difference = (a?.[index] ?? 0) - (b?.[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

async function makeRepository(path: string, account: RunUser | undefined): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o750 })
  if (first !== undefined && account !== undefined) await chown(path, account.uid, account.gid)
}

async function accountOfConfig(configFile: string): Promise<RunUser | undefined> {
  if (await isThere(configFile)) return await accountOf(configFile)
  throw new StrataError('BACKUP_FAILED', {
    message: `${configFile} is not there`,
    advice: 'Run `pgstrata backup init` on the machine of the server first. A restore onto another machine needs none.',
  })
}
