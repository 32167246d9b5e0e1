// The table of rules in docs/alerts.md: the part between two marks; the rest of the page is written by hand.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { renderRules } from '../../src/watch/index.ts'

const page = fileURLToPath(new URL('../../docs/alerts.md', import.meta.url))
const marked = /(<!-- rules: npm run docs -->\n).*?(<!-- \/rules -->)/s

export function renderAlertDocs(): string {
  const text = readFileSync(page, 'utf8')
  if (!marked.test(text)) throw new Error('docs/alerts.md has lost the marks of its table')
  return text.replace(marked, (_, begin: string, end: string) => `${begin}\n${renderRules()}\n${end}`)
}
