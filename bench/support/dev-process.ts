// The built `pgstrata dev` as a process, from outside: ready when it has printed its JSON.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const cliPath = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const lastLines = 20

export interface DevProcess {
  readonly primary: string
  readonly replicas: readonly string[]
  readonly dataDir: string
  /** Migrations it applied before it was ready. */
  readonly migrations: number
  readonly stop: () => Promise<void>
}

/** In `cwd`, which holds a configuration. Resolves when it is ready. */
export async function startDev(cwd: string): Promise<DevProcess> {
  const child = spawn(process.execPath, [cliPath, 'dev', '--json'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  let stdout = ''
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ready = new Promise<Omit<DevProcess, 'stop'>>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const printed = readReady(stdout)
      if (printed !== undefined) resolve(printed)
    })
  })
  const ended = exited.then(([code]): never => {
    const tail = `${stderr}\n${stdout}`.trim().split('\n').slice(-lastLines).join('\n')
    throw new Error(`pgstrata dev ended with ${String(code)} before it was ready:\n${tail}`)
  })
  const printed = await Promise.race([ready, ended])
  // From here on its end is no failure.
  ended.catch(() => undefined)
  return {
    ...printed,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** The document, as soon as all of it is there. */
function readReady(text: string): Omit<DevProcess, 'stop'> | undefined {
  if (!text.endsWith('}\n')) return undefined
  const document = JSON.parse(text) as Omit<DevProcess, 'stop'> & { ready?: boolean }
  return document.ready === true ? document : undefined
}
