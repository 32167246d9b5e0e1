// Runs a program of others, as the account that owns the data. Nothing of ours is on its command line that must not be seen by
// other users: `ps` shows it to everybody.
//
// What must be true: when it has resolved or rejected there is no such process any more, nor one that it began, also where the signal
// fired.
// On failure: the program's own words are in what is returned; only that it is not there at all is thrown.

import { spawn } from 'node:child_process'
import { StrataError } from '../base/errors.ts'
import { checkpoint, type Clock } from '../base/clock.ts'
import { isWindows, sendSignal, spawnAs, type RunUser } from '../embedded/host.ts'

export interface ToolRun {
  readonly file: string
  readonly args: readonly string[]
  readonly user: RunUser | undefined
  readonly clock: Clock
  /** How it comes here, for those who lack it. */
  readonly install: string
  readonly signal?: AbortSignal | undefined
}

export interface ToolAnswer {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Between being asked to end, and being made to. */
const patienceMs = 20_000
/** Of each stream; the rest is read and forgotten. */
const keptCharacters = 16_000_000

export async function runTool({ file, args, user, clock, install, signal }: ToolRun): Promise<ToolAnswer> {
  checkpoint(signal)
  // A group of its own: those that it begins may outlive it otherwise, and wait for a network that does not answer.
  const child = spawn(file, [...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: !isWindows, ...spawnAs(user) })
  const tell = (what: NodeJS.Signals): void => {
    if (child.pid !== undefined) sendSignal(isWindows ? child.pid : -child.pid, what)
  }
  const out = collect(child.stdout)
  const err = collect(child.stderr)
  let callOff: (() => void) | undefined
  const end = (): void => {
    tell('SIGTERM')
    callOff = clock.after(patienceMs, () => tell('SIGKILL'))
  }
  signal?.addEventListener('abort', end, { once: true })
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (status) => resolve(status ?? -1))
    })
    checkpoint(signal)
    return { code, out: out(), err: err() }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new StrataError('DEPENDENCY_MISSING', {
      message: `${file} is not installed here`,
      advice: install,
      cause: error,
    })
  } finally {
    signal?.removeEventListener('abort', end)
    callOff?.()
    if (signal?.aborted === true) tell('SIGKILL')
  }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const parts: string[] = []
  let length = 0
  stream.setEncoding('utf8')
  stream.on('data', (part: string) => {
    if (length < keptCharacters) parts.push(part)
    length += part.length
  })
  return () => parts.join('')
}
