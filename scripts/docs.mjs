// npm run docs: writes the pages of docs/ that are generated from the source. test/repo/docs.test.ts holds them to it.

import { createJiti } from 'jiti'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib.mjs'

const { pages } = await createJiti(import.meta.url).import('./docs/pages.ts')
for (const { path, render } of pages) {
  const text = render()
  if (readOld(path) === text) continue
  writeFileSync(join(root, path), text)
  console.log(`wrote ${path}`)
}

function readOld(path) {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return undefined
  }
}
