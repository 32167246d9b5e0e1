// What the scripts share: running a command, and bringing node_modules and dist up to date.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
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
  if (!isInstalled()) {
    console.log('Installing packages (npm ci) …')
    await must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  }
  mkdirSync(cacheFolder, { recursive: true })
  writeFileSync(stamp, lock)
}

/** Whether somebody ran `npm ci` by hand: npm notes in node_modules what it installed. */
function isInstalled() {
  const noted = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(noted)) return false
  const there = JSON.parse(readFileSync(noted, 'utf8')).packages
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(
    ([path, { version, optional, link }]) =>
      !path.startsWith('node_modules/') ||
      (there[path] === undefined ? optional === true : link === true || there[path].version === version),
  )
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
  // Beside it, so that what runs from dist loses nothing while it is compiled.
  const [beside, old] = [join(root, `dist.${process.pid}`), join(root, `dist.${process.pid}.old`)]
  const code = await run(bin('tsc'), ['-p', 'tsconfig.json', '--outDir', beside])
  if (code === 0) {
    writeFileSync(join(beside, '.sources'), sources)
    if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old)
    renameSync(beside, join(root, 'dist'))
  }
  for (const folder of [beside, old]) rmSync(folder, { recursive: true, force: true })
  if (code !== 0) {
    console.error('\nsrc does not compile')
    process.exit(code)
  }
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
