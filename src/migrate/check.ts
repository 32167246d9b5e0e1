// Lints migrations against the live database they are meant for: the linter's rules, fed with the facts of the
// tables that the migrations name.

import { StrataError } from '../base/errors.ts'
import { plural } from '../base/units.ts'
import type { Queryable } from '../db/db.ts'
import type { ParsedStatement } from '../sql/parse.ts'
import { readBody, type MigrationFile } from './files.ts'
import {
  blockingFindings,
  lintStatements,
  readLiveFacts,
  type Finding,
  type LintOptions,
  type LiveFacts,
} from './lint/index.ts'

export interface CheckedMigration {
  readonly file: string
  readonly findings: readonly Finding[]
  /** Code is not looked into. */
  readonly opaque: boolean
}

/** `on` undefined: no database to look at, and the worst plausible is assumed. */
export async function checkMigrations(
  files: readonly MigrationFile[],
  options: LintOptions,
  on: Queryable | undefined,
  /** Files that are run one after the other from here: what one makes is new to the next. Else each is looked at alone. */
  together = true,
): Promise<readonly CheckedMigration[]> {
  const bodies = await Promise.all(files.map(async (file) => ({ file, body: await readBody(file) })))
  const all = bodies.flatMap(({ body }) => (body.kind === 'sql' ? body.up : []))
  const facts: LiveFacts | undefined = on === undefined ? undefined : await readLiveFacts(on, all)
  const earlier: ParsedStatement[] = []
  return bodies.map(({ file, body }) => {
    if (body.kind === 'code') return { file: file.file, findings: [], opaque: true }
    const findings = lintStatements({
      statements: body.up,
      earlier: together ? [...earlier] : [],
      facts,
      rules: options.rules,
    })
    earlier.push(...body.up)
    return { file: file.file, findings, opaque: false }
  })
}

/** Findings that stop `migrate up`: as bad as the gate says, and not excused. */
export function stopping(checked: readonly CheckedMigration[], options: LintOptions): readonly CheckedMigration[] {
  return checked
    .map((item) => ({ ...item, findings: blockingFindings(item.findings, options.gate) }))
    .filter((item) => item.findings.length > 0)
}

export function requireHarmless(checked: readonly CheckedMigration[], options: LintOptions): void {
  const bad = stopping(checked, options)
  if (bad.length === 0) return
  const count = bad.reduce((sum, item) => sum + item.findings.length, 0)
  throw new StrataError('MIGRATION_LINT', {
    message: `${plural(count, 'finding')} in ${bad.map((item) => item.file).join(', ')}`,
    notes: bad.flatMap((item) => item.findings.flatMap((finding) => describeFinding(item.file, finding))),
    advice:
      'Follow the safe form, or accept it with `-- lint: allow <rule> because <reason>` before the statement, or run with --no-lint.',
    details: { findings: bad },
  })
}

export function describeFinding(file: string, finding: Finding): string[] {
  const excused = finding.suppressed === undefined ? '' : ` (allowed: ${finding.suppressed.reason})`
  const scale = finding.scale === undefined ? '' : ` [${finding.scale}]`
  return [
    `${file}:${finding.line}: ${finding.severity} ${finding.rule}${excused}: ${finding.message}${scale}`,
    ...finding.fix.split('\n').map((line, index) => `    ${index === 0 ? 'instead: ' : '         '}${line}`),
  ]
}
