// docs/lint.md, written from the rules themselves; a test holds the file to it.

import { rules } from './rules/index.ts'
import { squawkDifferences } from './squawk-differences.ts'
import type { Harm, Rule } from './types.ts'

const head = `# Lint

\`pgstrata migrate lint\` reads the pending migrations with PostgreSQL's own parser and says what each statement would do
to the live database. \`pgstrata migrate up\` asks the same before its first statement and stops at an error
(\`migrations.lint.gate\`: \`error\`, \`warning\` or \`off\`).

## Severity scales with the table

The same statement is harmless on a table of 200 rows and an outage on one of 200 GB. So a finding's severity is worked
out from the size and the traffic of the live table:

| harm | note | warning | error | without a database |
|---|---|---|---|---|
| \`rewrite\`: written anew under ACCESS EXCLUSIVE, at 50 MB/s | under 250 ms | under 3 s | longer | error |
| \`scan-blocking-all\`: read from end to end, nobody may use it, at 250 MB/s | under 250 ms | under 3 s | longer | error |
| \`scan-blocking-writes\`: the same, reads go on | under 250 ms | under 3 s | longer | error |
| \`lock-brief\`: a strong lock for an instant | under 100 statements/s | more | | warning |
| \`breaks-clients\`: running code fails | nobody uses the table | somebody does | from 1 statement/s on | warning |
| \`data-loss\` | the table is empty | nobody uses it | else | error |
| \`fails\`: the statement itself goes wrong | | | always | error |
| \`style\`: an opinion | always | | | note |

For rewrites and scans the queue counts too: the estimated time × the statements per second that it blocks. 100 or more in
the queue make a note a warning; less than one, where the whole takes under a minute, takes one step off. Traffic is an average
since the statistics were reset or the server started.

A table that the same migration made, or a pending migration before it, is used by nobody yet: locks, rewrites and renames
of it are no findings.

## Accepting a finding

A comment directly before the statement, with a reason:

\`\`\`sql
-- lint: allow drop-column because no code names it since the release of March
alter table plays drop column context;
\`\`\`

Several rules are separated by commas. A comment without a reason, with a name that is no rule, or that allows nothing, is
itself a finding (\`allow-comment\`).

A rule is switched off, or given a fixed severity, in the configuration:

\`\`\`ts
import { defineConfig } from 'pgstrata'

export default defineConfig({
  database: { primary: process.env.DATABASE_URL },
  migrations: { lint: { gate: 'error', rules: { 'prefer-identity': 'off', 'wide-index': 'warning' } } },
})
\`\`\`

## What counts as one transaction

The runner puts statements that can share a transaction into one, runs the others (\`… CONCURRENTLY\`, \`VACUUM\`) outside, and takes
\`BEGIN\` … \`COMMIT\` in a file as the bounds of a transaction. So NOT VALID and VALIDATE belong into two files, or into
two transactions of one file:

\`\`\`sql
begin;
alter table plays add constraint plays_track_id_not_null check (track_id is not null) not valid;
commit;
alter table plays validate constraint plays_track_id_not_null;
alter table plays alter column track_id set not null;
alter table plays drop constraint plays_track_id_not_null;
\`\`\`
`

const groups: readonly { readonly title: string; readonly harms: readonly Harm[] }[] = [
  { title: 'Rewrites and scans', harms: ['rewrite', 'scan-blocking-all', 'scan-blocking-writes'] },
  { title: 'Brief locks', harms: ['lock-brief'] },
  { title: 'Running code', harms: ['breaks-clients'] },
  { title: 'Data', harms: ['data-loss'] },
  { title: 'What goes wrong', harms: ['fails'] },
  { title: 'Opinions', harms: ['style'] },
]

export function renderLintDocs(): string {
  const sections = groups.map(({ title, harms }) => {
    const own = rules.filter(({ harm }) => harms.includes(harm))
    return `### ${title}\n\n${own.map(renderRule).join('\n')}`
  })
  return [
    '<!-- Written by src/migrate/lint/docs.ts from the rules. Do not edit. -->',
    head,
    `## Rules\n\n${sections.join('\n')}`,
    `## Where we differ from squawk\n\n${differences()}`,
  ].join('\n')
}

function renderRule({ name, harm, summary, why, bad, good }: Rule): string {
  return `#### ${name}\n\n${summary} *(${harm})*\n\n${why}\n\n\`\`\`sql\n-- instead of\n${bad}\n-- use\n${good}\n\`\`\`\n`
}

function differences(): string {
  const intro =
    'A test compares every finding with those of squawk 2.61 on a corpus of migrations. It agrees, except where it should not:\n\n'
  return `${intro}${squawkDifferences.map(({ what, reason }) => `- **${what}** ${reason}`).join('\n')}\n`
}
