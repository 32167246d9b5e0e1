// A project folder as a user has one: a configuration, migrations, nothing else. Gone after the test.

import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runCli, type CliCall, type CliResult } from './cli.ts'

export interface Project {
  readonly dir: string
  write(path: string, text: string): Promise<void>
  remove(path: string): Promise<void>
  cli(args: readonly string[], options?: Pick<CliCall, 'onSpawn' | 'env'>): Promise<CliResult>
  close(): Promise<void>
}

export interface ProjectOptions {
  /** Further keys of the configuration, as JSON. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly files?: Readonly<Record<string, string>>
}

export async function createProject(url: string, options: ProjectOptions = {}): Promise<Project> {
  const dir = await mkdtemp(join(tmpdir(), 'pgstrata-project-'))
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  await write('pgstrata.config.json', JSON.stringify({ database: { primary: url }, ...options.config }))
  await mkdir(join(dir, 'migrations'))
  for (const [path, text] of Object.entries(options.files ?? {})) await write(path, text)
  return {
    dir,
    write,
    remove: (path) => rm(join(dir, path)),
    cli: (args, call = {}) => runCli({ args, cwd: dir, ...call }),
    close: () => rm(dir, { recursive: true, force: true }),
  }
}
