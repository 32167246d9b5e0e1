// Debian's Prometheus, on a port and in a folder of its own, and its promtool.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { waitUntil } from './wait.ts'

export interface TestPrometheus {
  readonly url: string
  /** Of the API: '/api/v1/query?query=…'. */
  ask<T>(path: string): Promise<T>
  close(): Promise<void>
}

export interface PrometheusOptions {
  /** host:port */
  readonly target: string
  readonly token: string
  /** YAML of rules. */
  readonly rules: string
  readonly everySeconds: number
}

export async function startPrometheus({
  target,
  token,
  rules,
  everySeconds,
}: PrometheusOptions): Promise<TestPrometheus> {
  const dir = await mkdtemp(join(tmpdir(), 'pgstrata-prometheus-'))
  const port = await freePort()
  const config = {
    global: { scrape_interval: `${everySeconds}s`, evaluation_interval: `${everySeconds}s` },
    rule_files: ['rules.yml'],
    scrape_configs: [
      {
        job_name: 'pgstrata',
        authorization: { credentials: token },
        static_configs: [{ targets: [target] }],
      },
    ],
  }
  await writeFile(join(dir, 'rules.yml'), rules)
  await writeFile(join(dir, 'prometheus.yml'), JSON.stringify(config))
  const child = spawn(
    '/usr/bin/prometheus',
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(url + path)
    const answer = (await response.json()) as { status: string; data: T; error?: string }
    if (answer.status !== 'success') throw new Error(`Prometheus: ${answer.error ?? response.status} (${path})`)
    return answer.data
  }
  try {
    await waitUntil(
      async () => {
        if (child.exitCode !== null) throw new Error(`Prometheus ended: ${said}`)
        return (await fetch(`${url}/-/ready`).catch(() => undefined))?.status === 200
      },
      { what: 'Prometheus is ready', timeoutMs: 30_000 },
    )
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return {
    url,
    ask,
    close: async () => {
      child.kill('SIGTERM')
      await exited
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Exit code and what it said, of `promtool` with that on its standard input. */
export async function promtool(
  args: readonly string[],
  input = '',
): Promise<readonly [code: number | null, said: string]> {
  const child = spawn('/usr/bin/promtool', args)
  let said = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return [code, said]
}
