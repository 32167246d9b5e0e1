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
    'mends it and, where there is one, the SQL that takes that back. It only reads, and carries out nothing itself.',
    '',
    '- **Indexes** are made and dropped CONCURRENTLY. On a partitioned table they are made leaf by leaf and then attached; beyond 200 partitions it',
    '  is advice: declared under `indexes` of the table, `pgstrata apply` makes them one after the other. What locks somebody out all the same (DROP',
    '  INDEX on a partitioned table has no other way) is said beside it.',
    '- **Nothing that seems unread is dropped** before 7 days of counting, on every server that could read it: a replica that does not answer, or a',
    '  standby that the configuration does not name, leaves it at advice. 30 days, with the end of a month among them, are better. So does an index',
    '  of which nothing proves that it was there all that time: its age is known where `track_commit_timestamp` was on when it was made, or, to a role that may',
    '  call `pg_stat_file` (a superuser, or by GRANT), once a million transactions or so have come after it.',
    '- **Settings** are changed by ALTER SYSTEM where the role may and the server allows it; else for the database or the role, where the',
    "  setting can be given there; else it is advice: they stand in the provider's parameter group, or in postgresql.conf. Sizes are worked out from",
    '  what was counted in a known time, and have a ceiling: asked again with the same counters, nothing more is proposed.',
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
