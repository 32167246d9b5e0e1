// The log of one server. It is a file that the server itself writes to, and not a pipe to us: a full pipe would hold up
// the backends whenever our event loop is busy, and what a server says after our end would be lost.
// Bound: past `maxBytes` the file becomes <name>.1 at the next look, once a minute and at every start.

import { copyFile, open, readFile, stat, truncate, type FileHandle } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'

const maxBytes = 16 * 1024 ** 2
const lookEveryMs = 60_000
const tailLines = 15

/** For appending, so that a truncated file is written from its start again. */
export async function openLog(path: string): Promise<FileHandle> {
  await trimLog(path)
  return await open(path, 'a', 0o600)
}

async function trimLog(path: string): Promise<void> {
  const sizeBytes = await stat(path).then(
    ({ size }) => size,
    () => 0,
  )
  if (sizeBytes <= maxBytes) return
  await copyFile(path, `${path}.1`)
  await truncate(path)
}

/** Looks after the file until `signal` fires. */
export async function watchLog(path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    const interrupted = await clock.sleep(lookEveryMs, signal).then(
      () => false,
      () => true,
    )
    if (interrupted) return
    // A full disk here is the server's trouble too, and it says so.
    await trimLog(path).catch(() => undefined)
  }
}

/** The last lines written since the file was `fromBytes` long. */
export async function tailOf(path: string, fromBytes = 0): Promise<readonly string[]> {
  const text = await readFile(path).catch(() => Buffer.alloc(0))
  const lines = text.subarray(fromBytes).toString('utf8').split('\n')
  return lines.filter((line) => line.trim() !== '').slice(-tailLines)
}
