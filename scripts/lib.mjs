// What the scripts share: running a command, and bringing node_modules and dist up to date.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const cacheFolder = join(root, 'node_modules', '.cache', 'pgstrata')

/** Resolves with the exit code. `onSpawn` is handed the child. */
export function run(command, args, { onSpawn, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options })
    onSpawn?.(child)
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)))
  })
}

export async function must(command, args, options = {}) {
  const code = await run(command, args, options)
  if (code !== 0) {
    console.error(`\n${[command, ...args].join(' ')} failed with exit code ${code}`)
    process.exit(code)
  }
}

export const bin = (name) => join(root, 'node_modules', '.bin', name)

/** Installs what package-lock.json names, unless that was done already. */
export async function ensureInstalled() {
  const lock = digest(readFileSync(join(root, 'package-lock.json')))
  const stamp = join(cacheFolder, 'installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  console.log('Installing packages (npm ci) …')
  await must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  mkdirSync(cacheFolder, { recursive: true })
  writeFileSync(stamp, lock)
}

/** Compiles src into dist, unless dist is of these very sources. */
export async function ensureBuilt() {
  const sources = digest(
    [...listFiles(join(root, 'src')), join(root, 'tsconfig.json')]
      .map((file) => `${file}\0${readFileSync(file, 'utf8')}`)
      .join('\0'),
  )
  const stamp = join(root, 'dist', '.sources')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sources) return
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  await must(bin('tsc'), ['-p', 'tsconfig.json'])
  writeFileSync(stamp, sources)
}

export function listFiles(folder) {
  return readdirSync(folder)
    .flatMap((name) => {
      const path = join(folder, name)
      return statSync(path).isDirectory() ? listFiles(path) : [path]
    })
    .toSorted()
}

function digest(content) {
  return createHash('sha256').update(content).digest('hex')
}
