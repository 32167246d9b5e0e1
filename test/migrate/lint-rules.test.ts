// Each rule: what it fires on, what it leaves alone, and how its severity follows the table.

import { describe, expect, test } from 'vitest'
import { ruleNames } from '../../src/migrate/lint/index.ts'
import { rules } from '../../src/migrate/lint/rules/index.ts'
import type { LiveFacts, RuleSettings, Severity, TableFacts } from '../../src/migrate/lint/types.ts'
import { huge, lint, liveFacts, middling, tableFacts, tiny } from './lint-support.ts'

const optIn = { 'require-table-schema': 'note', 'prefer-robust-stmts': 'note' } as const

const partitioned = liveFacts([tableFacts({ name: 'events', kind: 'partitioned', partitionKey: ['at'] })])

async function rulesOf(sql: string, facts: LiveFacts, rules: RuleSettings = {}): Promise<readonly string[]> {
  const findings = await lint(sql, { facts, rules })
  return findings.filter(({ suppressed }) => suppressed === undefined).map(({ rule }) => rule)
}

describe('the examples of the documentation', () => {
  test.each(rules.map((rule) => [rule.name, rule] as const))(
    '%s fires on the bad one and not on the good one',
    async (name, rule) => {
      expect(await rulesOf(rule.bad, partitioned, optIn)).toContain(name)
      expect(await rulesOf(rule.good, partitioned, optIn)).not.toContain(name)
    },
  )

  test('names are unique and in kebab case', () => {
    expect(new Set(ruleNames()).size).toBe(rules.length)
    expect(ruleNames().filter((name) => !/^[a-z]+(-[a-z]+)+$/.test(name))).toEqual([])
  })
})

/** [rule, statement on plays, severity on a tiny, a middling and a huge busy table, and without facts] */
const scaled: readonly (readonly [string, string, Severity, Severity, Severity, Severity])[] = [
  ['index-not-concurrent', 'create index i on plays (a)', 'note', 'warning', 'error', 'error'],
  ['reindex-not-concurrent', 'reindex table plays', 'note', 'warning', 'error', 'error'],
  ['add-check-constraint', 'alter table plays add constraint c check (a > 0)', 'note', 'warning', 'error', 'error'],
  [
    'add-foreign-key',
    'alter table plays add constraint c foreign key (a) references b (id)',
    'note',
    'warning',
    'error',
    'error',
  ],
  ['add-unique-constraint', 'alter table plays add constraint c unique (a)', 'note', 'warning', 'error', 'error'],
  ['add-primary-key', 'alter table plays add primary key (a)', 'note', 'warning', 'error', 'error'],
  [
    'add-exclusion-constraint',
    'alter table plays add exclude using gist (a with &&)',
    'note',
    'warning',
    'error',
    'error',
  ],
  ['set-not-null', 'alter table plays alter column a set not null', 'note', 'warning', 'error', 'error'],
  ['volatile-default', 'alter table plays add column a float8 default random()', 'note', 'warning', 'error', 'error'],
  ['add-serial-column', 'alter table plays add column a bigserial', 'note', 'warning', 'error', 'error'],
  [
    'stored-generated-column',
    'alter table plays add column b int generated always as (a) stored',
    'note',
    'warning',
    'error',
    'error',
  ],
  ['change-column-type', 'alter table plays alter column a type bigint', 'note', 'warning', 'error', 'error'],
  ['cluster-or-vacuum-full', 'vacuum full plays', 'note', 'warning', 'error', 'error'],
  ['rewrite-storage', 'alter table plays set unlogged', 'note', 'warning', 'error', 'error'],
  [
    'attach-partition-scan',
    'alter table events attach partition plays for values from (1) to (2)',
    'note',
    'warning',
    'error',
    'error',
  ],
  ['unbatched-write', 'update plays set a = 1', 'note', 'warning', 'error', 'error'],
  ['detach-not-concurrent', 'alter table plays detach partition p', 'note', 'note', 'warning', 'warning'],
  [
    'create-partition-of',
    'create table p partition of plays for values from (1) to (2)',
    'note',
    'note',
    'warning',
    'warning',
  ],
  ['rename-column', 'alter table plays rename a to b', 'note', 'error', 'error', 'warning'],
  ['rename-table', 'alter table plays rename to listens', 'note', 'error', 'error', 'warning'],
  ['drop-not-null', 'alter table plays alter column a drop not null', 'note', 'error', 'error', 'warning'],
  ['drop-table', 'drop table plays', 'warning', 'error', 'error', 'error'],
  ['drop-column', 'alter table plays drop column a', 'warning', 'error', 'error', 'error'],
  ['truncate-table', 'truncate plays', 'warning', 'error', 'error', 'error'],
  ['add-required-column', 'alter table plays add column a int not null', 'error', 'error', 'error', 'error'],
  ['prefer-timestamp-tz', 'alter table plays add column a timestamp', 'note', 'note', 'note', 'note'],
]

describe('severity follows the table', () => {
  const severityOf = async (rule: string, sql: string, facts?: Partial<TableFacts>): Promise<string> => {
    const findings = await lint(sql, facts === undefined ? {} : { facts: liveFacts([tableFacts(facts)]) })
    return findings
      .filter((finding) => finding.rule === rule)
      .map(({ severity }) => severity)
      .join()
  }

  test.each(scaled)('%s: %s', async (rule, sql, onTiny, onMiddling, onHuge, without) => {
    expect([
      await severityOf(rule, sql, tiny),
      await severityOf(rule, sql, middling),
      await severityOf(rule, sql, huge),
      await severityOf(rule, sql),
    ]).toEqual([onTiny, onMiddling, onHuge, without])
  })

  test('an empty table loses no data and refuses no column', async () => {
    const empty = { ...tiny, rows: 0, sizeBytes: 0 }
    expect(await severityOf('drop-table', 'drop table plays', empty)).toBe('note')
    expect(await severityOf('add-required-column', 'alter table plays add column a int not null', empty)).toBe('')
  })

  test('a finding says what it was scaled by', async () => {
    const [finding] = await lint('create index i on plays (a)', { facts: liveFacts([tableFacts(huge)]) })
    expect(finding?.scale).toBe('200 GB, 500 writes/s, 5000 reads/s: about 13 min 39 s')
    expect(finding?.lock).toBe('SHARE')
  })

  test('the index of a busy table is judged by that table', async () => {
    const facts = liveFacts([tableFacts(huge)], {
      indexes: new Map([['["public","i"]', { schema: 'public', name: 'plays' }]]),
    })
    expect((await lint('drop index i', { facts }))[0]).toMatchObject({
      rule: 'drop-index-not-concurrent',
      severity: 'warning',
      table: { name: 'plays' },
    })
    expect((await lint('reindex index i', { facts }))[0]).toMatchObject({ severity: 'error' })
  })
})

describe('type changes with the old type known', () => {
  const change = async (
    from: string,
    to: string,
    live: { timeZone?: string; indexed?: boolean } = {},
  ): Promise<string> => {
    const table = tableFacts({
      ...huge,
      columns: [{ name: 'a', type: from, notNull: false }],
      indexes: live.indexed === true ? [{ name: 'i', unique: false, valid: true, columns: ['a'] }] : [],
    })
    const facts = liveFacts([table], { timeZone: live.timeZone ?? 'Etc/UTC' })
    const finding = (await lint(`alter table plays alter column a type ${to}`, { facts })).find(
      ({ rule }) => rule === 'change-column-type',
    )
    return finding === undefined ? 'free' : finding.message.endsWith('anew') ? 'rewrite' : 'scan'
  }

  test.each([
    ['character varying(50)', 'varchar(100)', 'free'],
    ['character varying(50)', 'text', 'free'],
    ['character varying(50)', 'varchar', 'free'],
    ['character varying(50)', 'varchar(20)', 'rewrite'],
    ['character varying', 'varchar(20)', 'rewrite'],
    ['text', 'varchar', 'free'],
    ['text', 'varchar(10)', 'rewrite'],
    ['integer', 'bigint', 'rewrite'],
    ['integer', 'int', 'free'],
    ['numeric(8,2)', 'numeric(10,2)', 'free'],
    ['numeric(8,2)', 'numeric', 'free'],
    ['numeric(8,2)', 'numeric(10,3)', 'rewrite'],
    ['numeric(8,2)', 'numeric(6,2)', 'rewrite'],
    ['timestamp(3) without time zone', 'timestamp', 'free'],
    ['timestamp without time zone', 'timestamp(3)', 'rewrite'],
    ['timestamp without time zone', 'timestamptz', 'free'],
    ['cidr', 'inet', 'free'],
    ['character(2)', 'text', 'rewrite'],
    ['integer[]', 'int', 'rewrite'],
    ['text', 'text using upper(a)', 'rewrite'],
    ['text', 'text using a', 'free'],
    ['character varying(50)', 'text using a::text', 'free'],
  ])('%s → %s: %s', async (from, to, expected) => {
    expect(await change(from, to)).toBe(expected)
  })

  test('timestamp → timestamptz depends on the time zone, and builds indexes anew', async () => {
    expect(await change('timestamp without time zone', 'timestamptz', { timeZone: 'Europe/Amsterdam' })).toBe('rewrite')
    expect(await change('timestamp without time zone', 'timestamptz', { indexed: true })).toBe('scan')
  })
})

describe('what a rule needs the rest of the migration, or the database, for', () => {
  test('an index on a partitioned table has its own recipe', async () => {
    const findings = await lint('create index events_at_idx on events (at)', { facts: partitioned })
    expect(findings).toMatchObject([{ rule: 'index-on-partitioned' }])
    expect(findings[0]?.fix).toContain('create index events_at_idx on only events (…);')
    expect(await lint('create index concurrently i on events (at)', { facts: partitioned })).toMatchObject([
      { severity: 'error' },
    ])
    expect(await lint('create index i on only events (at)', { facts: partitioned })).toEqual([])
  })

  test('a partition with a validated check on the key is attached without a scan', async () => {
    const attach = 'alter table events attach partition events_old for values from (1) to (2)'
    const check = { name: 'c', validated: true, expression: '', columns: ['at'], notNullColumns: [] }
    const withCheck = (checks: TableFacts['checks']): LiveFacts =>
      liveFacts([
        tableFacts({ name: 'events', kind: 'partitioned', partitionKey: ['at'] }),
        tableFacts({ name: 'events_old', checks }),
      ])
    expect(await rulesOf(attach, withCheck([check]))).toEqual([])
    expect(await rulesOf(attach, withCheck([{ ...check, validated: false }]))).toEqual(['attach-partition-scan'])
    expect(await rulesOf(attach, withCheck([{ ...check, columns: ['id'] }]))).toEqual(['attach-partition-scan'])
  })

  test('a primary key by an index on a column that can be null is scanned for nulls', async () => {
    const indexes = [{ name: 'i', unique: true, valid: true, columns: ['id'] }]
    const withColumn = (notNull: boolean): LiveFacts =>
      liveFacts([tableFacts({ indexes, columns: [{ name: 'id', type: 'bigint', notNull }] })])
    const sql = 'alter table plays add constraint p primary key using index i'
    expect(await rulesOf(sql, withColumn(false))).toEqual(['add-primary-key'])
    expect(await rulesOf(sql, withColumn(true))).toEqual([])
  })

  test('a write with a WHERE is looked at where the table is big', async () => {
    const big = liveFacts([tableFacts(huge)])
    expect(await rulesOf('update plays set a = 1 where b is null', big)).toContain('unbatched-write')
    expect(await rulesOf('update plays set a = 1 where id = 7', big)).not.toContain('unbatched-write')
    expect(await rulesOf('delete from plays where id in (1, 2)', big)).not.toContain('unbatched-write')
    expect(await rulesOf('update plays set a = 1 where b is null', liveFacts([tableFacts(tiny)]))).not.toContain(
      'unbatched-write',
    )
  })

  test('before PostgreSQL 18 a generated column is always stored, and the fix for NOT NULL is another', async () => {
    const [on17] = await lint('alter table plays alter a set not null', { version: 17 })
    const [on18] = await lint('alter table plays alter a set not null', { version: 18 })
    expect(on17?.fix).toContain('check (a is not null) not valid')
    expect(on18?.fix).toContain('add constraint plays_a_not_null not null a not valid')
  })

  test('names in fixes are quoted where they must be', async () => {
    const [finding] = await lint(
      'alter table "Order" add constraint "my key" foreign key ("user") references "select" (id)',
    )
    expect(finding?.fix).toContain('alter table "Order" validate constraint "my key"')
  })
})
