// `pgstrata explain`: from a file, from standard input, by queryid; what it draws, what it says, and what it refuses.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from '../../src/cli/program.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { createSongs } from '../advise/songs.ts'
import { startDebianPostgres, type DebianPostgres } from '../support/debian-postgres.ts'
import { useDatabase, versions } from '../support/postgres.ts'
import { createProject, type Project } from '../support/project.ts'
import { skipped } from '../support/versions.ts'

interface Call {
  readonly args: readonly string[]
  readonly input?: string
  readonly columns?: number
  readonly colours?: boolean
}

async function explain(
  project: Project,
  { args, input, columns, colours = false }: Call,
): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runCli(['explain', ...args], {
    cwd: project.dir,
    env: {},
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    ...(input === undefined ? {} : { input: () => Promise.resolve(input) }),
    ask: undefined,
    isTerminal: false,
    colours,
    screen: () => (columns === undefined ? undefined : { columns, rows: 40 }),
    keys: undefined,
    signal: new AbortController().signal,
  })
  return { code, out, err }
}

describe.each(versions)('pgstrata explain on PostgreSQL %s', (version) => {
  const database = useDatabase(version, ({ db }) => createSongs(db))
  let project: Project
  beforeAll(async () => {
    project = await createProject(database().url, {
      files: { 'slow.sql': '-- the plays of a song\nselect * from plays where song_id = $1;\n' },
    })
  })
  afterAll(() => project.close())

  test('draws a file, says what is wrong, and suggests', async () => {
    const { code, out, err } = await explain(project, { args: ['slow.sql', '--params', '[77]', '--analyze'] })
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(
      /^ *self +share +rows +estimate +node\n *[\d.]+ ms +█+·* +5 .* +(?:Gather|Seq Scan on public\.plays)\n/,
    )
    expect(out).toContain('Filter: (plays.song_id = 77)')
    expect(out).toMatch(/\n1\. slow-scan \(up to [\d.]+ ms\)\n {3}.*threw away 99,995 of 100,000 rows/)
    expect(out).toMatch(
      /\nIndexes that would serve it\n\n {3}create index concurrently "plays_song_id_idx" on "public"\."plays" \("song_id"\);\n/,
    )
  })

  test('without values it is planned for any, and nothing is run', async () => {
    const { out } = await explain(project, { args: ['slow.sql', '--no-indexes'] })
    expect(out).toMatch(/^ *cost +share +rows +node\n/)
    expect(out).toContain('planned for any values\n')
    expect(out).not.toContain('create index')
  })

  test('reads standard input; --json is one document', async () => {
    const { code, out } = await explain(project, { args: ['-', '--json'], input: 'select * from songs where id = 7' })
    const answer = JSON.parse(out) as Record<string, unknown>
    expect(code).toBe(0)
    expect(answer).toMatchObject({ isAnalyzed: false, insights: [], suggestions: [], root: { type: 'Index Scan' } })
  })

  test('keeps to the width of the terminal, and colours only where they are taken', async () => {
    const args = ['slow.sql', '--params', '[77]', '--analyze']
    const { out } = await explain(project, { args, columns: 60 })
    const drawn = out.split('\n').filter((line) => !/[;]$/.test(line))
    expect(Math.max(...drawn.map((line) => Array.from(line).length))).toBeLessThanOrEqual(60)
    expect(out).not.toContain('\u001B')
    expect((await explain(project, { args, colours: true })).out).toContain('\u001B[')
  })

  test.each([
    ['a file that is not there', ['nothing.sql'], /There is no file nothing\.sql, and it is no queryid/, 3],
    ['values that are no list', ['slow.sql', '--params', '{"a": "hunter2"}'], /--params is no JSON list/, 3],
    ['too many values', ['slow.sql', '--params', '[1, "hunter2"]'], /expected 1 value, got 2/, 3],
    ['no statement', [], /missing required argument/, 3],
    ['a queryid without pg_stat_statements', ['123456'], /pg_stat_statements, which is not installed/, 3],
  ])('refuses %s', async (_name, args, message, exit) => {
    const { code, out, err } = await explain(project, { args })
    expect([code, out]).toEqual([exit, ''])
    expect(err).toMatch(message)
    expect(err).not.toContain('hunter2')
  })
})

describe.skipIf(skipped.has('hypopg'))('with pg_stat_statements', () => {
  let server: DebianPostgres
  let project: Project
  beforeAll(async () => {
    server = await startDebianPostgres({ shared_preload_libraries: 'pg_stat_statements' })
    project = await createProject(server.url)
  }, 60_000)
  afterAll(async () => {
    await project.close()
    await server.stop()
  })

  test('takes the text of a queryid, also of a negative one', async () => {
    const db = openDb({ url: server.url })
    await db.query(sql`create extension pg_stat_statements`)
    for (let width = 1; width <= 12; width++) {
      const columns = Array.from({ length: width }, (_, index) => `oid as c${index}`).join(', ')
      await db.query(sql.raw(`select ${columns} from pg_class where relname = 'nothing'`))
    }
    const { rows } = await db.query<{ id: string }>(sql`
      select distinct on (queryid > 0) queryid::text as id
      from pg_stat_statements
      where query like 'select oid as c0%'`)
    await db.close()
    expect(rows).toHaveLength(2)
    for (const { id } of rows) {
      const { code, out, err } = await explain(project, { args: id.startsWith('-') ? ['--', id] : [id] })
      expect([code, err]).toEqual([0, ''])
      expect(out).toMatch(/pg_catalog\.pg_class\n.*relname = \$1/s)
    }
    const unknown = await explain(project, { args: ['42'] })
    expect([unknown.code, unknown.err]).toEqual([3, expect.stringContaining('knows no statement 42 of this database')])
  })
})
