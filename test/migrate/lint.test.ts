// The linter as a whole: recipes that must pass clean, exceptions with a reason, options, places, and that it never throws.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockingFindings, lintStatements, renderLintDocs } from '../../src/migrate/lint/index.ts'
import { parseSql } from '../../src/sql/parse.ts'
import { checkProperty } from '../support/property.ts'
import { readCorpus } from './lint-corpus/corpus.ts'
import { huge, lint, liveFacts, tableFacts, tiny, verdicts } from './lint-support.ts'

const facts = liveFacts([tableFacts({ ...huge, columns: [{ name: 'track_id', type: 'bigint', notNull: false }] })])

describe('safe recipes', () => {
  test.each([
    ['an index', 'create index concurrently if not exists i on plays (track_id);'],
    ['a column with a constant default', "alter table plays add column country text not null default 'NL';"],
    [
      'a column and its volatile default',
      'alter table plays add column t uuid; alter table plays alter column t set default gen_random_uuid();',
    ],
    [
      'a unique constraint',
      'create unique index concurrently k on plays (a); alter table plays add constraint k unique using index k;',
    ],
    [
      'NOT NULL in one file',
      `begin; alter table plays add constraint nn check (track_id is not null) not valid; commit;
       begin; alter table plays validate constraint nn; commit;
       alter table plays alter column track_id set not null; alter table plays drop constraint nn;`,
    ],
    [
      'NOT NULL of PostgreSQL 18',
      `begin; alter table plays add constraint nn not null track_id not valid; commit;
       alter table plays validate constraint nn;`,
    ],
    [
      'a foreign key',
      `begin; alter table plays add constraint f foreign key (track_id) references tracks (id) not valid; commit;
       alter table plays validate constraint f;`,
    ],
    [
      'a partition',
      `begin; alter table plays add constraint b check (at >= '2026-01-01' and at < '2027-01-01') not valid; commit;
       begin; alter table plays validate constraint b; commit;
       alter table events attach partition plays for values from ('2026-01-01') to ('2027-01-01');`,
    ],
    [
      'a partition made for it',
      `create table p (like events including all); alter table events attach partition p for values from (1) to (2);`,
    ],
    [
      'a table with all that belongs to it',
      `create table likes (id bigint generated always as identity primary key, at timestamptz not null default now());
       create index on likes (at); alter table likes add column lot float8 default random(); alter table likes add check (lot < 1);
       alter table likes alter lot set not null; alter table likes rename to hearts; alter table hearts drop column lot;
       create trigger t before insert on hearts for each row execute function f(); update hearts set at = now(); drop table hearts;`,
    ],
  ])('%s', async (_, sql) => {
    expect(await verdicts(sql, { facts })).toEqual([])
    expect(await verdicts(sql, { version: 18 })).toEqual([])
  })

  test('NOT NULL over three migrations of one set', async () => {
    const earlier = [
      ...(await parseSql('alter table plays add constraint nn check (track_id is not null) not valid;')),
      ...(await parseSql('alter table plays validate constraint nn;')),
    ]
    const sql = 'alter table plays alter column track_id set not null;'
    expect(await verdicts(sql, { facts, earlier })).toEqual([])
    expect(await verdicts(sql, { facts, earlier: earlier.slice(0, 1) })).toEqual(['set-not-null error'])
    expect(await verdicts(sql, { facts })).toEqual(['set-not-null error'])
  })

  test('a constraint dropped again, or of another table, proves nothing', async () => {
    const valid = 'alter table plays add constraint nn check (track_id is not null);'
    const set = 'alter table plays alter column track_id set not null;'
    const verdict = async (sql: string): Promise<boolean> =>
      (await verdicts(sql, { facts })).includes('set-not-null error')
    expect(await verdict(`${valid} ${set}`)).toBe(false)
    expect(await verdict(`${valid} alter table plays drop constraint nn; ${set}`)).toBe(true)
    expect(await verdict(`${valid.replace('plays', 'tracks')} ${set}`)).toBe(true)
  })

  test('a live constraint counts, and so does VALIDATE of a live one', async () => {
    const check = {
      name: 'nn',
      validated: false,
      expression: '(track_id IS NOT NULL)',
      columns: ['track_id'],
      notNullColumns: ['track_id'],
    }
    const live = liveFacts([tableFacts({ ...huge, checks: [check] })])
    const set = 'alter table plays alter column track_id set not null;'
    expect(await verdicts(set, { facts: live })).toEqual(['set-not-null error'])
    expect(await verdicts(`alter table plays validate constraint nn; ${set}`, { facts: live })).toEqual([])
  })

  test('a table of an earlier pending migration is as new as one made here; one dropped since is not', async () => {
    const earlier = await parseSql('create table app.likes (id bigint);')
    expect(await verdicts('create index on app.likes (id);', { earlier })).toEqual([])
    expect(await verdicts('create index on other.likes (id);', { earlier })).toEqual(['index-not-concurrent error'])
    expect(await verdicts('drop table app.likes; create index on app.likes (id);', { earlier })).toEqual([
      'index-not-concurrent error',
    ])
  })
})

describe('transactions', () => {
  const two = `alter table plays add constraint c check (a > 0) not valid; alter table plays validate constraint c;`

  test('statements share one unless something stands between them', async () => {
    expect(await verdicts(two)).toEqual(['validate-in-same-transaction error'])
    expect(await verdicts(two.replace('; ', '; create index concurrently i on plays (b); '))).toEqual([])
    expect(await verdicts(two, { transactions: [1, 2] })).toEqual([])
    expect(await verdicts(two, { transactions: [undefined, undefined] })).toEqual([])
  })

  test('a new enum value ends the transaction, as it does in the runner', async () => {
    expect(await verdicts(two.replace('; ', "; alter type mood add value 'x' after 'y'; "))).toEqual([])
  })

  test('writing beside ALTER TABLE', async () => {
    const sql = 'alter table plays add column b int; update plays set b = 1 where b is null;'
    expect(await verdicts(sql)).toEqual(['write-with-ddl error'])
    expect(await verdicts(sql, { transactions: [1, 2] })).toEqual([])
    expect(await verdicts(`${sql} update plays set b = 2 where b is null;`)).toEqual(['write-with-ddl error'])
    expect(await verdicts("alter table plays add column b int; insert into kinds values ('x');")).toEqual([])
  })
})

describe('exceptions', () => {
  const drop = 'drop table plays;'

  test('an allowed finding stays visible with its reason, and stops nothing', async () => {
    const findings = await lint(`-- lint: allow drop-table because it is archived, see issue 12\n${drop}`)
    expect(findings).toMatchObject([
      { rule: 'drop-table', severity: 'error', suppressed: { reason: 'it is archived, see issue 12' }, line: 2 },
    ])
    expect(blockingFindings(findings, 'error')).toEqual([])
  })

  test('several rules at once', async () => {
    const sql =
      '-- lint: allow add-check-constraint, drop-column because the table is idle\nalter table plays drop column a, add check (b > 0);'
    expect((await lint(sql)).map(({ suppressed }) => suppressed?.reason)).toEqual([
      'the table is idle',
      'the table is idle',
    ])
  })

  test.each([
    ['without a reason', '-- lint: allow drop-table', 'without a reason'],
    ['with an empty reason', '-- lint: allow drop-table because  ', 'without a reason'],
    ['of an unknown rule', '-- lint: allow drop-tables because of reasons', "no rule 'drop-tables'"],
    ['of nothing', '-- lint: allow drop-table, drop-column because x', 'Allows drop-column, which has nothing'],
    ['not understood', '-- lint: ignore', 'Not understood'],
    ['without a rule', '-- lint: allow because x', 'Not understood'],
  ])('a comment %s is a finding', async (_, comment, message) => {
    const findings = await lint(`${comment}\n${drop}`)
    expect(
      findings
        .filter(({ rule }) => rule === 'allow-comment')
        .map((finding) => finding.message)
        .join(),
    ).toContain(message)
    const accepted = findings.some(({ suppressed }) => suppressed !== undefined)
    expect(accepted).toBe(comment.includes('drop-table,'))
  })

  test('it holds for the next statement only', async () => {
    expect(await verdicts(`-- lint: allow drop-table because x\n${drop} drop table tracks;`)).toEqual([
      'drop-table error',
    ])
    expect(await verdicts(`select '-- lint: allow drop-table because x'; ${drop}`)).toEqual(['drop-table error'])
  })

  test('a comment for a rule that is off is no finding', async () => {
    expect(await lint(`-- lint: allow drop-table because x\n${drop}`, { rules: { 'drop-table': 'off' } })).toEqual([])
  })
})

describe('options', () => {
  test('a rule can be switched off, on, and given a severity', async () => {
    const sql = 'alter table plays add column if not exists a int;'
    expect((await lint(sql)).map(({ rule }) => rule)).toEqual(['prefer-bigint-over-int'])
    expect(await lint(sql, { rules: { 'prefer-bigint-over-int': 'off' } })).toEqual([])
    expect(
      await lint(sql, { rules: { 'prefer-bigint-over-int': 'error', 'require-table-schema': 'warning' } }),
    ).toMatchObject([{ severity: 'error' }, { severity: 'warning' }])
  })

  test('the gate', async () => {
    const findings = await lint('alter table plays rename a to b; drop table plays;')
    expect(blockingFindings(findings, 'error').map(({ rule }) => rule)).toEqual(['drop-table'])
    expect(blockingFindings(findings, 'warning')).toHaveLength(2)
    expect(blockingFindings(findings, 'off')).toEqual([])
  })

  test('lines are those of the file, and texts are bounded', async () => {
    const [finding] = await lint(`\n\ndrop table ${'plays, '.repeat(200)}plays;`, { firstLine: 11 })
    expect(finding?.line).toBe(13)
    expect(finding?.statement).toHaveLength(201)
  })
})

test('docs/lint.md is what the rules say', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docs/lint.md'), 'utf8')).toBe(renderLintDocs())
})

test('linting never throws, whatever comes after whatever', async () => {
  const corpus = await Promise.all(readCorpus().map(({ sql }) => parseSql(sql)))
  const tables = ['plays', 'users', 'tracks', 'events', 't'].map((name, index) =>
    tableFacts({ ...(index % 2 === 0 ? huge : tiny), name, kind: index === 3 ? 'partitioned' : 'table' }),
  )
  await checkProperty(
    'lint in random order',
    fc.record({
      order: fc.shuffledSubarray([...corpus.keys()], { minLength: 1, maxLength: 40 }),
      cut: fc.nat(40),
      live: fc.boolean(),
    }),
    ({ order, cut, live }) => {
      const [earlier, statements] = [order.slice(0, cut), order.slice(cut)].map((part) =>
        part.flatMap((number) => corpus[number] ?? []),
      )
      const findings = lintStatements({
        statements: statements ?? [],
        earlier,
        facts: live ? liveFacts(tables) : undefined,
      })
      for (const finding of findings)
        expect(finding.fix.length * finding.message.length * finding.why.length).toBeGreaterThan(0)
    },
    { runs: 60 },
  )
})
