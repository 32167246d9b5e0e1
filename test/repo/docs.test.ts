// The pages say what is so: snippets compile and parse, links lead somewhere, commands exist, generated pages are current.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { pages as generated } from '../../scripts/docs/pages.ts'
import { messageOf } from '../../src/base/errors.ts'
import { parseSql } from '../../src/sql/parse.ts'
import { checkCommand, commandLines, scriptsNamed } from './commands.ts'
import { checkLinks, parsePage, type Page } from './markdown.ts'
import { compileSnippets, isUnchecked, snippetsOf } from './snippets.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const skippedFolders = new Set(['node_modules', 'dist', 'coverage'])

function* markdownFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory() && !entry.name.startsWith('.') && !skippedFolders.has(entry.name))
      yield* markdownFiles(path)
    if (entry.isFile() && entry.name.endsWith('.md')) yield path
  }
}

const pages: readonly Page[] = [...markdownFiles('')].map((path) =>
  parsePage(path, readFileSync(join(root, path), 'utf8')),
)

/** Languages that are checked, and those of which there is nothing to check. Others would go by unseen. */
const languages = new Set([
  'ts',
  'typescript',
  'sql',
  'json',
  'sh',
  'console',
  'text',
  'diff',
  'yaml',
  'ini',
  'mermaid',
])

test('the pages that everybody looks for are there', () => {
  expect(pages.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']),
  )
})

test.each(generated)('$path is what the source says (npm run docs)', ({ path, render }) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(render())
})

test('every block names a language, one that is known here', () => {
  const others = pages.flatMap(({ path, fences }) =>
    fences
      .filter(({ language }) => !languages.has(language))
      .map(({ language, line }) => `${path}:${line} "${language}"`),
  )
  expect(others).toEqual([])
})

test('TypeScript compiles', async () => {
  const snippets = snippetsOf(pages, ['ts', 'typescript'])
  expect(snippets.length).toBeGreaterThan(0)
  expect(
    await compileSnippets(
      snippets.filter((snippet) => !isUnchecked(snippet)),
      root,
    ),
  ).toEqual([])
})

test('no TypeScript is exempt', () => {
  const unchecked = snippetsOf(pages, ['ts', 'typescript']).filter(isUnchecked)
  expect(
    unchecked
      .filter(({ text }) => !/^\/\/ no-check: \S/.test(text))
      .map(({ path, line }) => `${path}:${line} says no reason`),
  ).toEqual([])
  expect(unchecked.length).toBe(0)
})

test('SQL parses', async () => {
  const failures = await Promise.all(
    snippetsOf(pages, ['sql']).map(({ path, line, text }) =>
      parseSql(text, { name: path, firstLine: line }).then(
        () => [],
        (error: unknown) => [messageOf(error)],
      ),
    ),
  )
  expect(failures.flat()).toEqual([])
})

test('JSON parses', () => {
  const failures = snippetsOf(pages, ['json']).flatMap(({ path, line, text }) => {
    try {
      JSON.parse(text)
      return []
    } catch (error) {
      return [`${path}:${line} ${messageOf(error)}`]
    }
  })
  expect(failures).toEqual([])
})

test('links lead to files and headings that are there', () => {
  expect(checkLinks(pages, root)).toEqual([])
})

test('commands in blocks exist, with the options and arguments they are given', async () => {
  const complaints = await Promise.all(
    snippetsOf(pages, ['sh', 'console']).flatMap((snippet) =>
      commandLines(snippet).map(async ({ words, line }) => {
        const complaint = await checkCommand(words, true)
        return complaint === undefined ? [] : [`${snippet.path}:${line} ${complaint}`]
      }),
    ),
  )
  expect(complaints.flat()).toEqual([])
})

test('commands in sentences exist', async () => {
  const complaints = await Promise.all(
    pages.flatMap(({ path, spans }) =>
      spans.flatMap(({ text, line }) =>
        commandLines({ language: 'sh', text, line }).map(async ({ words }) => {
          const complaint = await checkCommand(words, false)
          return complaint === undefined ? [] : [`${path}:${line} ${complaint}`]
        }),
      ),
    ),
  )
  expect(complaints.flat()).toEqual([])
})

/** Of the package beside the page, where there is one: an example has its own. */
function scriptsBeside(page: string): Readonly<Record<string, string>> {
  const beside = join(root, dirname(page), 'package.json')
  const file = existsSync(beside) ? beside : join(root, 'package.json')
  const { scripts = {} } = JSON.parse(readFileSync(file, 'utf8')) as { readonly scripts?: Record<string, string> }
  return scripts
}

test('npm scripts that the pages name exist', () => {
  const named = snippetsOf(pages, ['sh', 'console']).flatMap((snippet) =>
    scriptsNamed(snippet).map((item) => ({ ...item, path: snippet.path })),
  )
  expect(named.filter(({ name, path }) => scriptsBeside(path)[name] === undefined)).toEqual([])
})
