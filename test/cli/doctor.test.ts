// doctor --deep and --why-slow as a person runs them: what is shown, what --json gives, and the exit code.

import { afterEach, describe, expect, test } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import { command } from '../support/command.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { createProject, type Project } from '../support/project.ts'

describe('doctor', () => {
  let database: TestDatabase
  let project: Project
  const open = async (): Promise<void> => {
    database = await testDatabase(versions[0] ?? 18)
    project = await createProject(database.url)
  }
  afterEach(async () => {
    await project.close()
    await database.close()
  })

  test('--deep shows the score, and each finding with its SQL; --json gives the same as data', async () => {
    await open()
    await database.db.query(
      sql`create table t (id int primary key, a int); create index first on t (a); create index "Again" on t (a)`,
    )
    const shown = await command(project.dir, 'doctor', '--deep')
    expect(shown.err).toBe('')
    expect(shown.out).toMatch(/^Score \d+ of 100/)
    expect(shown.out).toContain('warn      Index public."Again" does what public.first does [duplicate-index]')
    expect(shown.out).toContain('→ drop index concurrently "public"."Again";')
    expect(shown.out).toContain('back: CREATE INDEX CONCURRENTLY "Again" ON public.t USING btree (a);')
    expect(shown.out).toContain('disk-used (primary): not available because only')
    // The clusters of tests are not durable, which is critical.
    expect(shown.code).toBe(4)
    const { code, out } = await command(project.dir, 'doctor', '--deep', '--json')
    const report = JSON.parse(out) as {
      ok: boolean
      score: { value: number }
      findings: { check: string; node: string }[]
    }
    expect([code, report.ok]).toEqual([4, false])
    expect(report.findings.filter(({ check }) => check === 'duplicate-index')).toEqual([
      expect.objectContaining({ node: 'primary', subject: 'index public."Again"', gravity: 'warn' }),
    ])
    expect(shown.out).toContain(`Score ${report.score.value} of 100`)
  })

  test('--why-slow takes eight steps and names the likely causes in order', async () => {
    await open()
    const { code, out, err } = await command(project.dir, 'doctor', '--why-slow')
    expect([code, err]).toEqual([0, ''])
    expect(out.match(/^\d {2}(likely cause|not the cause|not known)/gm)).toHaveLength(8)
    expect(out).toContain('1  not the cause  Are materialized views fresh?')
    const json = await command(project.dir, 'doctor', '--why-slow', '--json')
    const report = JSON.parse(json.out) as { steps: { name: string }[]; likely: string[] }
    expect(report.steps.map(({ name }) => name)).toHaveLength(8)
  })

  test('one question at a time', async () => {
    await open()
    const { code, err } = await command(project.dir, 'doctor', '--deep', '--why-slow')
    expect([code, err]).toEqual([3, expect.stringContaining('ask one at a time')])
  })
})
