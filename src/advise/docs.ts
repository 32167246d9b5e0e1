// docs/findings.md, from the checks themselves.

import { checks } from './checks/index.ts'
import { mostFindings } from './checks/tools/define.ts'
import { nodeLimitMs, statementLimitMs } from './ask-node.ts'
import { categories, type Category, type Check } from './model.ts'
import { cappedScore, categoryWeights } from './score.ts'

const titles: Readonly<Record<Category, string>> = {
  connections: 'Connections',
  queries: 'Queries',
  cache: 'Cache',
  vacuum: 'Vacuum',
  statistics: 'Statistics',
  updates: 'Updates',
  bloat: 'Bloat',
  indexes: 'Indexes',
  schema: 'Schema',
  wal: 'WAL',
  replication: 'Replication',
  storage: 'Storage',
  settings: 'Settings',
  security: 'Security',
}

export function renderFindingDocs(): string {
  return [
    '<!-- Written by src/advise/docs.ts from the checks. Do not edit. -->',
    '# Findings',
    '',
    `What [\`pgstrata doctor --deep\`](doctor.md#--deep) asks: ${checks.length} questions, each with the numbers it is answered by, why it matters, the SQL that`,
    'mends it and, where there is one, the SQL that takes that back. Indexes are made and dropped CONCURRENTLY; on a partitioned table leaf',
    'by leaf. It only reads, and carries out nothing itself.',
    '',
    `Each question is asked in a read-only transaction, of at most ${statementLimitMs / 1_000} s a statement and ${nodeLimitMs / 60_000} minutes a server. At most ${mostFindings} things are named, the worst first;`,
    'the last says how many more there are (`andMore`). What cannot be asked says why, and has no part in the score.',
    '',
    '## The score',
    '',
    '100 less, for each category, its weight × what its findings cost. Of a check only the gravest finding counts, once, and a category costs its',
    'weight at the most. Where nothing of a category could be asked, its weight goes to the others in proportion. A critical finding of',
    `${checks
      .filter(({ caps }) => caps)
      .map(({ name }) => `\`${name}\``)
      .join(', ')} holds the whole score at ${cappedScore} or below.`,
    '',
    '| category | weight |',
    '|---|---|',
    ...categories.map((category) => `| ${titles[category]} | ${categoryWeights[category]} |`),
    ...categories.flatMap(sectionOf),
    '',
  ].join('\n')
}

function sectionOf(category: Category): readonly string[] {
  return [
    '',
    `## ${titles[category]}`,
    '',
    '| check | question | evidence: it is a finding | costs (note, warn, critical) | fix |',
    '|---|---|---|---|---|',
    ...checks.filter((check) => check.category === category).map(rowOf),
    '',
    ...checks.filter((check) => check.category === category).map(({ name, why }) => `- \`${name}\`: ${why}`),
  ]
}

function rowOf({ name, question, threshold, penalty, mends, of }: Check): string {
  const costs = [penalty.note, penalty.warn, penalty.critical].map((share) => `${Math.round(share * 100)} %`).join(', ')
  const asked = of === 'each' ? ' (of every server)' : ''
  return `| ${[`\`${name}\``, `${question}${asked}`, threshold, costs, mends].map(inCell).join(' | ')} |`
}

function inCell(text: string): string {
  return text.replaceAll('|', '\\|')
}
