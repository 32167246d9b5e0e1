// Finds the configuration file and evaluates it: .ts, .mts, .js, .mjs or .json.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve as resolvePath } from 'node:path'
import { messageOf, StrataError } from '../base/errors.ts'
import { loadModule } from '../base/load-module.ts'
import { resolveConfig, type ResolvedConfig, type RollupsIn } from './resolve.ts'

const names: readonly string[] = ['ts', 'mts', 'js', 'mjs', 'json'].map((extension) => `pgstrata.config.${extension}`)

export interface LoadOptions {
  /** Where to look; parents are looked at too. */
  readonly cwd: string
  /** A file named by the user. */
  readonly file?: string | undefined
  /** Stands in for database.primary where the configuration leaves it undefined. */
  readonly fallbackUrl?: string | undefined
}

export interface LoadedConfig<Written = unknown> {
  readonly path: string
  readonly config: ResolvedConfig<RollupsIn<Written>>
}

/** `Written`: the type of what the file exports, for typed readers: `loadConfig<typeof config>(…)`. It is believed. */
export async function loadConfig<Written = unknown>(options: LoadOptions): Promise<LoadedConfig<Written>> {
  const path = findConfig(options)
  const name = basename(path)
  const { fallbackUrl } = options
  const written = (await evaluate(path, name)) as Written
  return { path, config: resolveConfig(written, { root: dirname(path), name, fallbackUrl }) }
}

export function findConfig(options: LoadOptions): string {
  if (options.file !== undefined) {
    const path = resolvePath(options.cwd, options.file)
    if (existsSync(path)) return path
    throw new StrataError('CONFIG_NOT_FOUND', { message: `There is no file ${options.file}` })
  }
  for (let folder = resolvePath(options.cwd); ; folder = dirname(folder)) {
    const found = names.map((name) => join(folder, name)).find((path) => existsSync(path))
    if (found !== undefined) return found
    if (folder === dirname(folder)) break
  }
  throw new StrataError('CONFIG_NOT_FOUND', {
    message: 'There is no pgstrata.config.ts here or in a folder above',
    expected: names.join(', '),
  })
}

async function evaluate(path: string, name: string): Promise<unknown> {
  try {
    if (extname(path) === '.json') return JSON.parse(await readFile(path, 'utf8')) as unknown
    const { default: exported } = await loadModule(path)
    if (exported !== undefined) return exported
  } catch (error) {
    throw new StrataError('CONFIG_UNREADABLE', {
      message: `${name} cannot be evaluated: ${messageOf(error)}`,
      cause: error,
    })
  }
  throw new StrataError('CONFIG_UNREADABLE', {
    message: `${name} exports no configuration`,
    expected: '`export default defineConfig({ … })`',
    got: 'no default export',
  })
}
