// Processor time that a PostgreSQL server has used: the postmaster, its processes, and those of them that have ended. By /proc, so it holds
// what the server did for everybody, background work included, in hundredths of a second.

import { readdir, readFile } from 'node:fs/promises'

/** Of /proc, on every Linux. */
const msPerTick = 10

/** Milliseconds since the server began. `pid`: the postmaster's. */
export async function serverCpuMs(pid: number): Promise<number> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const all = await Promise.all(names.map(async (name) => await statOf(Number(name))))
  const own = all.find((stat) => stat?.pid === pid)
  if (own === undefined) throw new Error('Expected the server to be in /proc, and found no such process')
  const children = all.filter((stat) => stat?.parent === pid).reduce((sum, stat) => sum + (stat?.ticks ?? 0), 0)
  return (own.ticks + own.endedTicks + children) * msPerTick
}

interface Stat {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
  /** Of children that have ended. */
  readonly endedTicks: number
}

/** Fields are counted behind the name, which may hold anything: 4th ppid, 14th and 15th own time, 16th and 17th that of ended children. */
async function statOf(pid: number): Promise<Stat | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields.length < 15) return undefined
  const numberAt = (index: number): number => Number(fields[index])
  return {
    pid,
    parent: numberAt(1),
    ticks: numberAt(11) + numberAt(12),
    endedTicks: numberAt(13) + numberAt(14),
  }
}
