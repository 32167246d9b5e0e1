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

  test('an unterminated string and an unterminated comment are syntax errors, not crashes', async () => {
    await expect(parseSql("select 'abc")).rejects.toMatchObject({ code: 'SQL_SYNTAX' })
    await expect(parseSql('select 1 /* abc')).rejects.toMatchObject({ code: 'SQL_SYNTAX' })
    await expect(parseSql('do $$ begin')).rejects.toMatchObject({ code: 'SQL_SYNTAX' })
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
