// The tables in README.md and docs/*.md, between `<!-- bench:migrate -->` and `<!-- /bench -->`: written from
// bench/results, never by hand. A mark that cannot be filled is an error, so that no table is stale in silence.

import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Published } from './result.ts'
import { formatForMarkdown } from './table.ts'

const marked = /<!-- bench:([a-z0-9-]+) -->[^]*?<!-- \/bench -->/g
const opening = /<!-- bench:/g

/** The text with every marked place filled anew. `name` is what an error calls it. */
export function renderTables(name: string, text: string, results: ReadonlyMap<string, Published>): string {
  const places = text.match(marked) ?? []
  const openings = text.match(opening) ?? []
  if (places.length !== openings.length || places.some((place) => (place.match(opening) ?? []).length > 1)) {
    throw new Error(`${name}: each <!-- bench:… --> needs its own <!-- /bench --> after it`)
  }
  return text.replaceAll(marked, (_, scenario: string) => {
    const published = results.get(scenario)
    if (published === undefined) {
      const known = [...results.keys()].join(', ') || 'none'
      throw new Error(`${name}: there is no result of a scenario ${scenario} to fill in (results: ${known})`)
    }
    return `<!-- bench:${scenario} -->\n${formatForMarkdown(published)}\n<!-- /bench -->`
  })
}

/** Paths of all documents that may hold marked places. */
export async function listDocuments(root: string): Promise<readonly string[]> {
  const docs = (await readdir(join(root, 'docs')))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(root, 'docs', name))
  return [join(root, 'README.md'), ...docs.toSorted()].filter((path) => existsSync(path))
}

/** Returns the paths of those that changed. */
export async function rewriteDocuments(
  root: string,
  results: ReadonlyMap<string, Published>,
): Promise<readonly string[]> {
  const changed: string[] = []
  for (const path of await listDocuments(root)) {
    const before = await readFile(path, 'utf8')
    const after = renderTables(path, before, results)
    if (after === before) continue
    await writeFile(path, after)
    changed.push(path)
  }
  return changed
}
