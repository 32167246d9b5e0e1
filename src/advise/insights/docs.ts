// The part of docs/explain.md that lists the rules, written from the rules themselves.

import { insightRules } from './rules/index.ts'

const begin = '<!-- insights: written by `npm run docs` from src/advise/insights/rules -->\n'
const end = '<!-- /insights -->\n'

/** The page as it should be; what stands outside of the marks is left as it is. */
export function renderInsightDocs(page: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < 0) throw new RangeError('docs/explain.md has lost the marks of its list')
  const rows = insightRules.map(
    ({ name, speaks, why, needsRun }) => `| \`${name}\` | ${speaks} | ${needsRun ? 'yes' : ''} | ${why} |`,
  )
  const list = ['| rule | speaks of | needs `--analyze` | why |', '|---|---|---|---|', ...rows].join('\n')
  return `${page.slice(0, from)}${begin}\n${list}\n\n${page.slice(to)}`
}
