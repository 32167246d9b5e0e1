// Which processes run, as the system sees them.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Numbers of the processes with `text` on their command line: a server's has its data folder there. */
export async function processesWith(text: string): Promise<readonly number[]> {
  return (await list())
    .filter(({ pid, command }) => pid !== process.pid && command.includes(text))
    .map(({ pid }) => pid)
}

export async function childrenOf(parent: number): Promise<readonly number[]> {
  return (await list()).filter((each) => each.parent === parent).map(({ pid }) => pid)
}

/** Those of `pids` that have not ended. */
export async function aliveOf(pids: readonly number[]): Promise<readonly number[]> {
  return (await list()).filter(({ pid }) => pids.includes(pid)).map(({ pid }) => pid)
}

/** All processes but zombies, which have ended and wait for their parent to look. */
async function list(): Promise<readonly { pid: number; parent: number; command: string }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,ppid=,stat=,command='], {
    maxBuffer: 2 ** 24,
  })
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return state === undefined || state.startsWith('Z')
      ? []
      : [{ pid: Number(pid), parent: Number(parent), command: command ?? '' }]
  })
}
