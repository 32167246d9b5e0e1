import { describe, expect, test } from 'vitest'
import { endsTransactions, parseSql, scanComments } from '../../src/sql/parse.ts'

describe('parseSql', () => {
  test('statements come back with their text, line and comments, in a script with multi-byte characters', async () => {
    const script = `-- Größe\ncreate table "Straße" (a int);\n\n-- lint: allow x because y\n/* two */ drop table "Straße";\nselect ';';\n`
    const statements = await parseSql(script)
    expect(statements.map(({ text, line, kind, comments }) => ({ text, line, kind, comments }))).toEqual([
      { text: 'create table "Straße" (a int)', line: 2, kind: 'CreateStmt', comments: ['-- Größe'] },
      { text: 'drop table "Straße"', line: 5, kind: 'DropStmt', comments: ['-- lint: allow x because y', '/* two */'] },
      { text: "select ';'", line: 6, kind: 'SelectStmt', comments: [] },
    ])
  })

  test.each(['', '  \n', '-- only a comment', ';;', '/* x */ ;'])('%j holds no statement', async (script) => {
    expect(await parseSql(script)).toEqual([])
  })

  test('empty statements between two are left out', async () => {
    expect((await parseSql('select 1;; ; select 2;')).map((statement) => statement.text)).toEqual([
      'select 1',
      'select 2',
    ])
  })

  test('a syntax error names line and column and shows the place', async () => {
    await expect(parseSql("select 'é';\nselct 1", { name: '0001_x.sql', firstLine: 10 })).rejects.toMatchObject({
      code: 'SQL_SYNTAX',
      message: '0001_x.sql:11:1: syntax error at or near "selct"',
      notes: ['selct 1', '^'],
      details: { line: 11, column: 1 },
    })
  })

  test('of a long line only what stands around the place is shown', async () => {
    const line = `select ${'1, '.repeat(500)}1 1 ${', 1'.repeat(500)}`
    await expect(parseSql(line)).rejects.toMatchObject({
      code: 'SQL_SYNTAX',
      notes: [expect.stringMatching(/^.{201}$/), expect.stringMatching(/^ {100}\^$/)],
      details: { line: 1, column: 1510 },
    })
  })

  test('an unterminated string and an unterminated comment are syntax errors, not crashes', async () => {
    await expect(parseSql("select 'abc")).rejects.toMatchObject({ code: 'SQL_SYNTAX' })
    await expect(parseSql('select 1 /* abc')).rejects.toMatchObject({ code: 'SQL_SYNTAX' })
    await expect(parseSql('do $$ begin')).rejects.toMatchObject({ code: 'SQL_SYNTAX' })
  })
})

describe('what would break the parser', () => {
  const repeat = (part: string, times: number): string => part.repeat(times)
  const deep: Readonly<Record<string, string>> = {
    sum: `select ${repeat('1+', 20_000)}1`,
    joins: `select 1 from a${repeat(' join a on x = 1 or y in (1, 2)', 20_000)}`,
    union: `insert into t select 1, 'a'${repeat(" union all select 1, 'a'", 20_000)}`,
    queries: `select ${repeat('(select ', 3_000)}1${repeat(')', 3_000)}`,
    brackets: `select ${repeat('(', 20_000)}1${repeat(')', 20_000)}`,
    negations: `select ${repeat('not ', 9_000)}a`,
    'brackets to the left': `select ${repeat('(', 10)}1${repeat(`${repeat('+1', 1_900)})`, 10)}`,
    'cases to the left': `select ${repeat('case ', 10)}1${repeat(`${repeat('+1', 1_900)} when a then b end`, 10)}`,
  }

  // The module is broken for good only after some dozens of failures.
  test(
    'is refused with its place however often it comes, and the next text is parsed',
    { timeout: 30_000 },
    async () => {
      for (let round = 0; round < 12; round++) {
        for (const [name, text] of Object.entries(deep)) {
          const error: unknown = await parseSql(`select 1;\n${text}`, { name: '0001_x.sql' }).catch((thrown) => thrown)
          expect([name, error]).toMatchObject([
            name,
            { code: 'SQL_SYNTAX', message: expect.stringMatching(/^0001_x\.sql:2:\d+: .*too long to be parsed/) },
          ])
          expect((error as Error).cause).toBeUndefined()
        }
        expect(await parseSql('select 1; select 2')).toHaveLength(2)
      }
    },
  )

  test('is not what is long and flat, nor many statements', async () => {
    const flat = [
      `select * from plays where ${repeat('a = 1 and b = 2 or ', 20_000)} c`,
      `select * from plays where ${repeat('(id between 1 and 5) or id between 7 and 9 or ', 5_000)} c`,
      `insert into plays values ${repeat("(1, 'a' || 'b', (2 + 3) * 4), ", 20_000)} (1, 'a', 2)`,
      `select case ${repeat('when a + 1 = 2 then b + 1 ', 5_000)} else (case when a then b end) end`,
      `select f(${repeat('(a + 1) * 2, array[1, 2], ', 10_000)} 1)`,
      `insert into t select 1, 'a'${repeat(" union all select 1, 'a'", 3_000)}`,
      `create function f() returns text language sql begin atomic ${repeat('select 1 + 1 union select a.case, b.end;', 2_000)} end`,
    ]
    for (const text of flat) expect(await parseSql(text)).toHaveLength(1)
    expect(await parseSql(repeat('select 1 + 1 as "case"; ', 20_000))).toHaveLength(20_000)
  })

  test.each([
    ['a NUL, at which it would stop', "select 1;\nselect 'a'; \0 drop table b", '2:13: a NUL'],
    ['half of a surrogate pair', "select '😀', '\ud800'; drop table b", '1:14: half of'],
  ])('%s, is refused', async (_name, text, message) => {
    await expect(parseSql(text)).rejects.toMatchObject({
      code: 'SQL_SYNTAX',
      message: expect.stringContaining(`line ${message}`),
    })
    await expect(scanComments(text)).rejects.toMatchObject({ code: 'SQL_SYNTAX' })
  })
})

test('comments inside strings and function bodies are none', async () => {
  const script = `-- up\nselect '-- down';\ndo $$\n-- down\nbegin end $$;\nselect 1; -- behind\n`
  expect(await scanComments(script)).toEqual([
    { text: '-- up', line: 1, alone: true },
    { text: '-- behind', line: 6, alone: false },
  ])
})

test.each([
  ['do $$ begin perform 1; end $$', false],
  ['do $$ begin -- commit\n perform 1; end $$', false],
  ["do $$ begin raise notice 'commit'; end $$", false],
  ['do $$ begin for i in 1..3 loop commit; end loop; end $$', true],
  ['do $$ begin if true then rollback; end if; end $$', true],
])('%s ends transactions: %s', async (statement, expected) => {
  expect(await endsTransactions(statement)).toBe(expected)
})
