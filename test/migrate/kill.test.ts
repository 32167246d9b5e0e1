// A runner killed with SIGKILL at random moments, again and again, until all is applied: schema and data equal those
// of a run that was never killed, and each migration is recorded once. The moments come from a seed that is printed.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { dumpSchema } from '../../src/catalog/dump/index.ts'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { command } from '../support/command.ts'
import { testDatabase, versions, type TestDatabase, type TestedMajor } from '../support/postgres.ts'
import { createProject, type Project } from '../support/project.ts'
import { scaled, seed } from '../support/property.ts'
import { contentQuery, thirtyMigrations } from './thirty-migrations.ts'

const soak = process.env['PGSTRATA_SOAK'] === '1'

/** Most of them on the newest version: what is recorded when does not depend on it. Many more with PGSTRATA_SOAK=1. */
const killsOn = (version: TestedMajor): number => (soak ? scaled(50) : version === versions[0] ? 12 : 6)

/** Kills that left a migration half-way, version by version. */
const halfways: number[] = []

describe.each(versions)('a killed runner on PostgreSQL %d', (version) => {
  let reference: TestDatabase
  let expected: { schema: string; content: string; names: string[] }

  beforeAll(async () => {
    reference = await testDatabase(version)
    const project = await createProject(reference.url, { files: thirtyMigrations })
    const result = await command(project.dir, 'migrate', 'up', '--no-lint')
    expect(result.err).toContain('0030_code_4')
    expect(result.code, result.err).toBe(0)
    expected = await snapshot(reference.db)
    await project.close()
  })
  afterAll(() => reference.close())

  const kills = killsOn(version)

  test(`${kills} kills: nothing lost, nothing twice`, { timeout: 1_200_000 }, async () => {
    console.log(`kill test on PostgreSQL ${version}: seed ${seed}, ${kills} kills`)
    const random = seededRandom(seed + version)
    let left = kills
    let killed = 0
    let halfway = 0
    // A run of 30 migrations takes about as many kills as its share of time allows; then a fresh database.
    while (left > 0) {
      const database = await testDatabase(version)
      const project = await createProject(database.url, { files: thirtyMigrations })
      const outcome = await killUntilDone(project, database.db, left, random)
      left -= outcome.kills
      killed += outcome.kills
      halfway += outcome.halfway
      expect(await snapshot(database.db)).toEqual(expected)
      const status = await command(project.dir, 'migrate', 'status', '--json')
      expect(status.code, status.err).toBe(0)
      await project.close()
      await database.close()
    }
    expect(killed).toBe(kills)
    console.log(`${halfway} of ${kills} kills left a migration half-way`)
    halfways.push(halfway)
  })
})

test('some kills left a migration half-way', () => {
  expect(halfways).toHaveLength(versions.length)
  // A few kills may all fall between two migrations; on all versions together they do not.
  const counted = soak ? halfways : [halfways.reduce((sum, each) => sum + each, 0)]
  expect(Math.min(...counted)).toBeGreaterThan(0)
})

/** Runs and kills at a random moment, `most` times at the most; then lets it finish. */
async function killUntilDone(
  project: Project,
  db: Db,
  most: number,
  random: () => number,
): Promise<{ kills: number; halfway: number }> {
  let kills = 0
  let halfway = 0
  for (;;) {
    // Most kills while migrations run, one in five from the start of the process on.
    const fromStart = random() < 0.2
    const delayMs = (fromStart ? 900 : 250) * random()
    let timer: NodeJS.Timeout | undefined
    const result = await project.cli(['migrate', 'up', '--no-lint'], {
      onSpawn: (child) => {
        if (kills === most) return
        const arm = (): void => void (timer ??= setTimeout(() => child.kill('SIGKILL'), delayMs))
        if (fromStart) arm()
        else child.stderr?.once('data', arm)
      },
    })
    clearTimeout(timer)
    if (result.signal !== 'SIGKILL') {
      expect(result.code, result.stderr).toBe(0)
      return { kills, halfway }
    }
    kills++
    const { rows } = await db.query(sql`select where to_regclass('pgstrata.migration') is not null`)
    if (rows.length > 0)
      halfway += (await db.query(sql`select from pgstrata.migration where state = 'running'`)).rows.length
  }
}

async function snapshot(db: Db): Promise<{ schema: string; content: string; names: string[] }> {
  const schema = await dumpSchema(db)
  const { content } = onlyRow(await db.query<{ content: string }>(sql.raw(contentQuery)))
  const { rows } = await db.query<{ name: string }>(
    sql`select name from pgstrata.migration where state = 'done' and in_flight is null order by sequence`,
  )
  return { schema, content, names: rows.map((row) => row.name) }
}
