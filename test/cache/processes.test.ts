// The model over real processes, of which one is killed again and again in the middle of its work, and another one takes its
// place: no read is older than the last write that was acknowledged before it began.

import { fork, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import type { CacheGetOptions } from '../../src/cache/index.ts'
import { scaled, seed } from '../support/property.ts'
import { useRedis } from '../support/redis.ts'
import { waitUntil } from '../support/wait.ts'
import { typescript } from '../support/typescript.ts'
import type { CacheProcessCall, FromProcess, ToProcess } from './cache-process.ts'
import { runModel, type Subject } from './model.ts'

const redis = useRedis()
const killed = 'killed'

type Loader = () => Promise<number>

interface Waiting {
  readonly resolve: (value: number | string) => void
  readonly reject: (error: Error) => void
}

/** One process after the other; what was under way in one that has ended is rejected. */
class CacheProcess implements Subject {
  readonly #call: CacheProcessCall
  readonly #waiting = new Map<number, Waiting>()
  /** By key, and not by call: a call that was answered with a stale value is loaded for afterwards. */
  readonly #loaders = new Map<string, Loader>()
  #child: ChildProcess
  #ready: Promise<void>
  #count = 0
  /** Answers of the process that is there now. */
  answered = 0

  constructor(call: CacheProcessCall) {
    this.#call = call
    ;[this.#child, this.#ready] = this.#spawn()
    onTestFinished(() => void this.#child.kill('SIGKILL'))
  }

  get ready(): Promise<void> {
    return this.#ready
  }

  /** Resolves when another one has taken its place. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    this.answered = 0
    this.#giveUp()
    ;[this.#child, this.#ready] = this.#spawn()
    await this.#ready
  }

  async get(key: string, load: Loader): Promise<number> {
    this.#loaders.set(key, load)
    return Number(await this.#ask('get', key))
  }

  async invalidate(key: string): Promise<boolean> {
    return (await this.#ask('invalidate', key)) === 'everywhere'
  }

  async #ask(type: 'get' | 'invalidate', key: string): Promise<number | string> {
    await this.#ready
    const id = ++this.#count
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#send(this.#child, { type, id, key })
    })
  }

  #spawn(): [ChildProcess, Promise<void>] {
    const child = fork('test/cache/cache-process.ts', [JSON.stringify(this.#call)], {
      execArgv: ['--import', typescript],
    })
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (message: FromProcess) => (message.type === 'ready' ? resolve() : this.#hear(child, message)))
      child.once('exit', () => {
        reject(new Error(killed))
        if (child === this.#child) this.#giveUp()
      })
    })
    ready.catch(() => undefined)
    return [child, ready]
  }

  #hear(child: ChildProcess, message: Exclude<FromProcess, { type: 'ready' }>): void {
    const { id } = message
    if (message.type === 'load') {
      void this.#loaders
        .get(message.key)?.()
        .then((value) => this.#send(child, { type: 'loaded', id, value }))
      return
    }
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    this.answered++
    if (message.type === 'done') waiting?.resolve(message.value)
    else waiting?.reject(new Error(message.error))
  }

  #giveUp(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(killed))
    this.#waiting.clear()
  }

  /** To one that has ended: nobody hears it. */
  #send(child: ChildProcess, message: ToProcess): void {
    if (child.connected) child.send(message, () => undefined)
  }
}

async function openProcesses(count: number, options: CacheGetOptions): Promise<readonly CacheProcess[]> {
  const call = { redis: redis().url, prefix: randomUUID(), options }
  const processes = Array.from({ length: count }, () => new CacheProcess(call))
  await Promise.all(processes.map(({ ready }) => ready))
  return processes
}

const model = { operations: scaled(1_500), clients: 16, keys: 6, writes: 0.15 }

test('over three processes no read is too old', async () => {
  const subjects = await openProcesses(3, { ttl: '30ms', staleFor: '1s' })
  const report = await runModel({ ...model, subjects, random: seededRandom(seed) })
  console.log(`processes, seed ${seed}: ${report.violations} of ${report.reads} reads, ${report.loads} loads`)
  expect(report.errors).toEqual([])
  expect(report).toMatchObject({ violations: 0, mostAtOnce: 1 })
  expect(report.acknowledged).toBeGreaterThan(report.writes / 2)
})

test('nor while one of them is killed again and again', async () => {
  const subjects = await openProcesses(3, { ttl: '10 min' })
  const [victim] = subjects
  let isRunning = true
  let kills = 0
  const killing = async (): Promise<void> => {
    for (;;) {
      const isDue = (): boolean => !isRunning || (victim?.answered ?? 0) >= 30
      await waitUntil(isDue, { what: 'the victim has worked', timeoutMs: 60_000 })
      if (!isRunning) return
      await victim?.kill()
      kills++
    }
  }
  const running = runModel({ ...model, operations: scaled(400), subjects, random: seededRandom(seed + 1) }).finally(
    () => (isRunning = false),
  )
  const [report] = await Promise.all([running, killing()])
  console.log(
    `killed ${kills} times, seed ${seed}: ${report.violations} of ${report.reads} reads, ${report.loads} loads`,
  )
  expect(report.errors.filter((error) => !String(error).includes(killed))).toEqual([])
  expect(report.violations).toBe(0)
  expect(report.acknowledged).toBeGreaterThan(0)
  expect(kills).toBeGreaterThan(0)
})
