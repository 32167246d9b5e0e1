// What `npm run deploy` of an app is made of: the database by `pgstrata deploy`, and what a service keeps from one deployment to the next.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export interface DeployOptions {
  /** The app's, with its pgstrata.config.ts. */
  readonly folder: string
  /** Shows what would be done. */
  readonly isDry?: boolean
  readonly signal: AbortSignal
}

/** As `npx pgstrata deploy` in the folder would; the code it ends with. */
export async function deployDatabase({ folder, isDry = false, signal }: DeployOptions): Promise<number> {
  const library = dirname(createRequire(import.meta.url).resolve('pgstrata/package.json'))
  const words = [join(library, 'dist', 'cli', 'main.js'), 'deploy', ...(isDry ? ['--dry-run'] : [])]
  const child = spawn(process.execPath, words, { cwd: folder, stdio: 'inherit' })
  signal.addEventListener('abort', () => child.kill('SIGINT'))
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 130
}

/** What signs the tokens of sessions: one for all processes that come after each other, or sessions would end with each of them. */
export async function keptSecret(folder: string): Promise<string> {
  const path = join(folder, '.pgstrata', 'secret')
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' }).catch(ifThere)
  return await readFile(path, 'utf8')
}

function ifThere(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
}
