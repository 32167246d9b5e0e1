// Debian's chromium, one for a test file, with a profile of its own; and the browser's module, compiled as it is published.

import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chromium, type Browser } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** A browser that speaks to nobody but the test. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function useChromium(): () => Browser {
  let browser: Browser | undefined
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags })
  })
  afterAll(() => browser?.close())
  return () => {
    if (browser === undefined) throw new Error('There is no browser yet')
    return browser
  }
}

/** By path below the published folder: the module of `pgstrata/live-client`, and all that it imports. */
export async function compileClient(): Promise<ReadonlyMap<string, string>> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'pgstrata-client-'))
  try {
    const config = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { outDir: join(folder, 'out'), rootDir: join(root, 'src'), types: [] },
      include: [],
      files: [join(root, 'src', 'live-client', 'index.ts')],
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    await promisify(execFile)(join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder])
    const paths = await readdir(join(folder, 'out'), { recursive: true })
    const modules = paths.filter((path) => path.endsWith('.js'))
    return new Map(
      await Promise.all(
        modules.map(async (path) => [path, await readFile(join(folder, 'out', path), 'utf8')] as const),
      ),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
