// The checks of docs.test.ts can fail: each is held against a small page that breaks it.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { checkCommand, commandLines, scriptsNamed } from './commands.ts'
import { checkLinks, parsePage } from './markdown.ts'
import { compileSnippets, isUnchecked, snippetsOf } from './snippets.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const text = `# A \`page\`: its title!

See [there](other.md#part-1), \`[not](a-link.md)\`, [gone](gone.md), [no heading](#none), [up](#a-page-its-title)
and [the web](https://example.org/x#y). <!-- [not](seen.md) -->

[ref]: ../outside.md

  \`\`\`ts no-check
  // no-check: shows a mistake
  const x: = 1
  \`\`\`

\`\`\`\`text
\`\`\`sql
select
\`\`\`
\`\`\`\`

## Part
## Part
`

test('pages: blocks, anchors and spans', () => {
  const page = parsePage('page.md', text)
  expect(page.fences).toEqual([
    { language: 'ts', note: 'no-check', line: 9, text: '// no-check: shows a mistake\nconst x: = 1' },
    { language: 'text', note: '', line: 14, text: '```sql\nselect\n```' },
  ])
  expect([...page.anchors]).toEqual(['a-page-its-title', 'part', 'part-1'])
  expect(page.spans.map((span) => span.text)).toEqual(['page', '[not](a-link.md)'])
  expect(snippetsOf([page], ['ts']).map(isUnchecked)).toEqual([true])
  expect(() => parsePage('page.md', '```sql\nselect 1')).toThrow('not closed')
})

test('links: to files and headings that are not there, and out of the repository', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'other.md'), '## Part\n## Part\n')
  await writeFile(join(folder, 'page.md'), text)
  expect(checkLinks([parsePage('page.md', text)], folder)).toEqual([
    'page.md:3 there is no gone.md',
    'page.md:3 page.md has no heading #none',
    'page.md:6 ../outside.md leaves the repository',
  ])
})

test('TypeScript: told with its place in the page; each snippet stands alone', async () => {
  const page = parsePage(
    'page.md',
    [
      '```ts',
      `import { sql } from 'pgstrata'`,
      `export const wrong: number = sql\`select \${1}\``,
      '```',
      '```ts',
      `import { createMigrate } from 'pgstrata/migrate'`,
      'const wrong = createMigrate',
      `await Promise.resolve([wrong, process.env['X']])`,
      '```',
      '```ts',
      `const list: string[] = []`,
      `const first: string = list[0]`,
      '```',
    ].join('\n'),
  )
  const complaints = await compileSnippets(snippetsOf([page], ['ts']), root)
  expect(complaints.map((complaint) => complaint.replace(/: Type.*/, ''))).toEqual([
    'page.md:3 error TS2322',
    'page.md:12 error TS2322',
  ])
})

describe('commands', () => {
  test('are found in shell, wherever they stand', () => {
    const block = `npx pgstrata plan # to see
DATABASE_URL='postgres://a b' pgstrata migrate up --steps 1 && pgstrata status --json 2>&1 | head
pgstrata migrate \\
  new add plays
echo pgstrata nothing
npm install pgstrata
npm run docs && npm test -- --x`
    const calls = commandLines({ language: 'sh', text: block, line: 10 })
    expect(calls.map(({ words, line }) => `${line} ${words.join(' ')}`)).toEqual([
      '10 plan',
      '11 migrate up --steps 1',
      '11 status --json',
      '12 migrate new add plays',
    ])
    expect(scriptsNamed({ language: 'sh', text: block, line: 10 })).toEqual([
      { name: 'docs', line: 16 },
      { name: 'test', line: 16 },
    ])
    expect(commandLines({ language: 'console', text: '$ pgstrata plan\npgstrata said this', line: 1 })).toEqual([
      { words: ['plan'], line: 1 },
    ])
  })

  test.each([
    ['', undefined],
    ['--version', undefined],
    ['migrate up --steps 3 --no-lint -c x.ts --json', undefined],
    ['migrate new add plays', undefined],
    ['migrate up --to=0001', undefined],
    ['mirgate up', 'there is no command "pgstrata mirgate"'],
    ['migrate upp', 'there is no command "pgstrata migrate upp"'],
    ['migrate up --step 3', '"pgstrata migrate up" has no option --step'],
    ['migrate up 0001', '"pgstrata migrate up" takes fewer arguments'],
    ['migrate show', '"pgstrata migrate show" takes more arguments'],
  ])('pgstrata %s', async (line, complaint) => {
    expect(await checkCommand(line === '' ? [] : line.split(' '), true)).toBe(complaint)
  })

  test('in a sentence may leave out their arguments', async () => {
    expect(await checkCommand(['migrate', 'show'], false)).toBeUndefined()
  })
})
