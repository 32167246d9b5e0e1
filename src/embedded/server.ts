// The process of one server from start to start: its port, its present run, and what goes along with a run (our own
// connections, the watch over its log, the word at our exit). State: the port and the run. Calls must not overlap; node.ts
// sees to that.

import { join } from 'node:path'
import { checkpoint } from '../base/clock.ts'
import { assert, isStrataError } from '../base/errors.ts'
import type { Db } from '../db/db.ts'
import { openDb } from '../db/pg-db.ts'
import { sql } from '../sql/sql.ts'
import { writeFor } from './access.ts'
import type { Context } from './context.ts'
import { atExit, sendSignal } from './host.ts'
import { watchLog } from './log-file.ts'
import { choosePort, isPortFree } from './ports.ts'
import { startPostmaster, stopPostmaster, type Postmaster } from './postmaster.ts'
import { renderSettings, settingsFile, type Upstream } from './settings.ts'
import { happensWithin } from './wait.ts'

const portTries = 5
const closeTimeoutMs = 2_000
/** Kept data may have a long recovery before it; one that is cut off begins from its start again. */
const startTimeoutsMs = { kept: 600_000, temporary: 60_000 }

interface Run {
  readonly postmaster: Postmaster
  readonly db: Db
  /** Ends what goes along with the run. */
  readonly end: () => Promise<void>
}

export interface ServerAbout {
  readonly name: string
  readonly dataDir: string
  readonly logPath: string
  /** Asked at every start. */
  readonly upstream: (() => Upstream) | undefined
}

export class Server {
  readonly #context: Context
  readonly #about: ServerAbout
  #port = 0
  #run: Run | undefined

  constructor(context: Context, about: ServerAbout) {
    this.#context = context
    this.#about = about
  }

  get port(): number {
    return this.#port
  }

  /** 0 while it does not run. */
  get pid(): number {
    return this.#run === undefined || this.#run.postmaster.hasExited() ? 0 : this.#run.postmaster.pid
  }

  get db(): Db {
    assert(this.#run !== undefined, `${this.#about.name} does not run`)
    return this.#run.db
  }

  /** The first start. Where the port is taken between choosing and binding, another is chosen. */
  async startOnFreePort(preferred: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    this.#port = await choosePort(preferred, this.#context.random)
    for (let tries = 1; ; tries++) {
      try {
        this.#run = await this.#begin(signal)
        return
      } catch (error) {
        const isTaken = isStrataError(error, 'EMBEDDED_FAILED') && !(await isPortFree(this.#port))
        if (tries === portTries || !isTaken) throw error
        this.#port = await choosePort(undefined, this.#context.random)
      }
    }
  }

  async start(): Promise<void> {
    if (this.pid !== 0) return
    await this.end(async () => {})
    this.#run = await this.#begin(undefined)
  }

  /** Ends the run, if there is one; `stop` ends its process. */
  async end(stop: (postmaster: Postmaster) => Promise<void>): Promise<void> {
    const run = this.#run
    this.#run = undefined
    await run?.end()
    if (run !== undefined) await stop(run.postmaster)
  }

  async #begin(signal: AbortSignal | undefined): Promise<Run> {
    checkpoint(signal)
    const { user, shared, kept } = this.#context
    const { dataDir, logPath, upstream } = this.#about
    await writeFor(user, join(dataDir, settingsFile), renderSettings(shared, this.#port, upstream?.()))
    const timeoutMs = kept ? startTimeoutsMs.kept : startTimeoutsMs.temporary
    const postmaster = await startPostmaster({ ...this.#context, dataDir, logPath, detached: kept, timeoutMs, signal })
    return await beginRun(this.#context, postmaster, { ...this.#about, url: urlOf(this.#port, 'postgres') })
  }
}

async function beginRun(
  context: Context,
  postmaster: Postmaster,
  about: { readonly name: string; readonly logPath: string; readonly url: string },
): Promise<Run> {
  const ended = new AbortController()
  const db = openDb({ url: about.url, max: 2, applicationName: 'pgstrata embedded' })
  const forget = atExit(() => sendSignal(postmaster.pid, context.kept ? 'SIGINT' : 'SIGQUIT'))
  const end = async (): Promise<void> => {
    ended.abort()
    forget()
    // Bounded: a server that no longer answers is to be stopped all the same.
    await happensWithin(db.close(), closeTimeoutMs, context.clock)
  }
  void watchLog(about.logPath, context.clock, ended.signal)
  const onExit = async (): Promise<void> => {
    await postmaster.exited
    if (!ended.signal.aborted)
      context.logger.warn(`${about.name} ended unasked`, { pid: postmaster.pid, log: about.logPath })
    ended.abort()
    forget()
  }
  void onExit()
  try {
    await db.query(sql`select 1`)
    return { postmaster, db, end }
  } catch (error) {
    await end()
    await stopPostmaster(postmaster, 'immediate', context.binaries, context.clock)
    throw error
  }
}

/** node-postgres undoes encodeURI, and not encodeURIComponent: a slash has to stand as it is. */
export function urlOf(port: number, database: string): string {
  const path = encodeURI(database).replaceAll('?', '%3F').replaceAll('#', '%23')
  return `postgres://postgres@127.0.0.1:${port}/${path}`
}
