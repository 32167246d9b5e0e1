// Compiles the TypeScript of the pages: each snippet a module of its own, under the options of the source, with the
// package's names leading to src. One run of tsc for all.

import { execFile } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from '../support/temporary-folder.ts'
import type { Fence, Page } from './markdown.ts'

export interface Snippet extends Fence {
  readonly path: string
}

export function snippetsOf(pages: readonly Page[], languages: readonly string[]): readonly Snippet[] {
  return pages.flatMap(({ path, fences }) =>
    fences.filter(({ language }) => languages.includes(language)).map((fence) => ({ ...fence, path })),
  )
}

/** Snippets that say they do not compile: `ts no-check` on the fence. Each has to begin with `// no-check: why`. */
export function isUnchecked(snippet: Snippet): boolean {
  return snippet.note.split(' ').includes('no-check')
}

/** What the compiler says, with the place in the page. */
export async function compileSnippets(snippets: readonly Snippet[], root: string): Promise<readonly string[]> {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'snippets'))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  const config = {
    extends: join(root, 'tsconfig.dev.json'),
    compilerOptions: { rootDir: '/', typeRoots: [join(root, 'node_modules/@types')] },
    include: ['snippets'],
    exclude: [],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  await Promise.all(
    snippets.map(({ text }, index) => writeFile(join(folder, 'snippets', `${index}.ts`), `${text}\nexport {}\n`)),
  )
  const args = [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false']
  const output = await promisify(execFile)(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 24 }).then(
    () => '',
    (error: unknown) => (error as { readonly stdout?: string }).stdout ?? String(error),
  )
  // Lines that are indented explain the one before.
  return output
    .split('\n')
    .filter((line) => /^\S/.test(line))
    .map((line) => {
      const [, index, row, message] = /^snippets[/\\](\d+)\.ts\((\d+),\d+\): (.*)$/.exec(line) ?? []
      const snippet = snippets[Number(index)]
      return snippet === undefined || message === undefined
        ? line
        : `${snippet.path}:${snippet.line + Number(row) - 1} ${message}`
    })
}
