// What a process that was killed has left among files on their way: whoever puts something beside it removes what is old. Nobody
// works for so long without touching his folder.

import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'

const oldMs = 24 * 60 * 60 * 1_000
/** Of folders that belong to one question, or to one file. Those of moves are gone on with. */
const temporary = /^(query|read|verify|into|manifest)-/

export async function removeLeftovers(work: string): Promise<void> {
  await removeOld(work, (name) => temporary.test(name))
}

/** By the clock of the machine: it is what files have. */
export async function removeOld(folder: string, isMeant: (name: string) => boolean): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter(isMeant)) {
    const path = join(folder, name)
    if (systemClock.now() - (await touchedMs(path)) > oldMs) await rm(path, { recursive: true, force: true })
  }
}

async function touchedMs(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return systemClock.now()
  if (!found.isDirectory()) return found.mtimeMs
  const within = await readdir(path).catch(() => [])
  const times = await Promise.all(within.map(async (name) => await stat(join(path, name)).catch(() => undefined)))
  return Math.max(found.mtimeMs, ...times.flatMap((each) => each?.mtimeMs ?? []))
}
