import { beforeAll, describe, expect, test } from 'vitest'
import { createClassifier, loadParser, type Classification } from '../../src/sql/classify/index.ts'
import { readFunctions, reads, writes } from './classify-cases.ts'

const classifier = createClassifier({ readFunctions })
const classify = (text: string): Classification => classifier.classify(text)

beforeAll(async () => {
  expect(classify('select 1')).toMatchObject({ route: 'write', reason: 'the parser is being loaded', keepsState: true })
  await loadParser()
})

test('what was asked before the parser was there is not remembered', () => {
  expect(classify('select 1').route).toBe('read')
})

describe('reads', () => {
  test.each(reads.map(({ text }) => text))('%s', (text) => {
    expect(classify(text)).toMatchObject({
      route: 'read',
      reason: expect.stringMatching(/^(only reads|holds no statement)$/) as string,
      transaction: 'none',
      keepsState: false,
      blockable: true,
    })
  })
})

describe('writes', () => {
  test.each(writes)('%s', (text, reason) => {
    expect(classify(text)).toMatchObject({ route: 'write', reason })
  })
})

test('the table is large', () => {
  expect(reads.length + writes.length).toBeGreaterThan(200)
})

test.each([
  ['begin', 'begin'],
  ['start transaction', 'begin'],
  ['begin isolation level repeatable read', 'begin'],
  ['begin read write', 'begin'],
  ['begin read only', 'begin-read-only'],
  ['start transaction isolation level repeatable read, read only', 'begin-read-only'],
  ['begin isolation level read committed read only', 'begin-read-only'],
  ['begin read write, read only', 'begin'],
  ['begin read only, read write', 'begin'],
  // A replica refuses these.
  ['begin isolation level serializable read only', 'begin'],
  ['begin isolation level serializable, read only, deferrable', 'begin'],
  ['commit', 'commit'],
  ['end', 'commit'],
  ['commit and no chain', 'commit'],
  ['rollback', 'rollback'],
  ['abort work', 'rollback'],
  ['commit and chain', 'other'],
  ['rollback and chain', 'other'],
  ['savepoint a', 'other'],
  ['release a', 'other'],
  ['rollback to a', 'other'],
  [`prepare transaction 'a'`, 'other'],
  [`commit prepared 'a'`, 'other'],
  [`rollback prepared 'a'`, 'other'],
  ['set transaction read only', 'other'],
  ['set transaction isolation level serializable', 'other'],
  [`set transaction snapshot '1'`, 'other'],
  ['set transaction_read_only = on', 'other'],
  ['set constraints all deferred', 'other'],
  ['select 1', 'none'],
  ['begin; commit', 'none'],
  ['set application_name = 1', 'none'],
  [`create function f() returns int language sql set work_mem = '1MB' begin atomic select 1; end`, 'none'],
])('%s: %s, to the transaction', (text, transaction) => {
  expect(classify(text).transaction).toBe(transaction)
})

describe('leaves something on the session', () => {
  test.each([
    'set search_path = a',
    'set session statement_timeout = 1',
    'set time zone utc',
    'set role a',
    'set session authorization a',
    'set session characteristics as transaction read only',
    'set transaction_read_only = on',
    'reset search_path',
    'reset all',
    `select set_config('a.b', 'c', false)`,
    `select set_config('a.b', 'c', $1)`,
    `select set_config('a.b', 'c', not true)`,
    `select set_config(is_local => false, setting_name => 'a.b', new_value => 'c')`,
    `select 1 where exists (select pg_catalog.set_config('a.b', 'c', false))`,
    `insert into moods select 1 where set_config('a.b', 'c', false) is null`,
    `copy (select set_config('a.b', 'c', false)) to stdout`,
    `explain analyze select set_config('a.b', 'c', false)`,
    `call p(set_config('a.b', 'c', false))`,
    'prepare p as select 1',
    'execute p',
    'deallocate p',
    'listen a',
    'unlisten a',
    'discard all',
    'discard plans',
    `load 'x'`,
    'create temp table a (b int)',
    'create temporary table a as select 1',
    'create temp view a as select 1',
    'create temp sequence a',
    'create table pg_temp.a (b int)',
    'create function pg_temp.f() returns int language sql return 1',
    `create type pg_temp.a as enum ('b')`,
    'insert into pg_temp.a values (1)',
    'alter table a set schema pg_temp',
    'select * into temp a from b',
    'select * into pg_temp.a from b',
    'explain analyze create temp table a as select 1',
    'declare c cursor with hold for select 1',
    'select pg_advisory_lock(1)',
    'select pg_advisory_lock_shared(1)',
    'select pg_try_advisory_lock(1)',
    'update moods set id = 1 where pg_try_advisory_lock_shared(1)',
    'select setseed(1)',
    `select dblink_connect('a', 'b')`,
    `do $$ begin perform set_config('a.b', 'c', false); end $$`,
    `do $$ begin\nset search_path = a; end $$`,
    `do language plpgsql 'begin\tlisten a; end'`,
    `do $$ begin execute 'create temp table a (b int)'; end $$`,
    'begin; set search_path = a; commit',
    'not sql at all',
    'select \0',
  ])('%s', (text) => {
    expect(classify(text)).toMatchObject({ route: 'write', keepsState: true })
  })

  test.each([
    'select 1',
    'insert into a values (1)',
    'set local search_path = a',
    'set local role a',
    'set transaction read only',
    'begin',
    'commit',
    `select set_config('a.b', 'c', true)`,
    `select set_config('a.b', is_local => true, new_value => 'c')`,
    'select pg_advisory_xact_lock(1)',
    'select pg_try_advisory_xact_lock(1)',
    'declare c cursor for select 1',
    'create table a (b int)',
    `create function f() returns int language sql set search_path = a as 'select 1'`,
    'alter role a set search_path = b',
    'alter system set work_mem = 1',
    `select 'set search_path = a', 'pg_temp'`,
    `do $$ begin delete from a; end $$`,
    'begin; insert into a values (1); commit',
    `select nextval('a')`,
  ])('not: %s', (text) => {
    expect(classify(text).keepsState).toBe(false)
  })
})

describe('a transaction block', () => {
  test.each([
    'vacuum',
    'vacuum full a',
    'create index concurrently i on a (b)',
    'drop index concurrently i',
    'reindex index concurrently i',
    'reindex (concurrently) table a',
    'reindex schema a',
    'alter table a detach partition b concurrently',
    'create database a',
    'drop database a',
    'alter database a set tablespace b',
    `create tablespace a location '/a'`,
    'drop tablespace a',
    'alter system set work_mem = 1',
    'create subscription a connection $$b$$ publication c',
    'drop subscription a',
    'cluster',
    'call p()',
    'do $$ begin end $$',
    'discard all',
    'begin',
    'commit',
    'savepoint a',
    'set transaction read only',
    `prepare transaction 'a'`,
    `commit prepared 'a'`,
    'select 1; select 2',
    'not sql at all',
  ])('does not bear %s', (text) => {
    expect(classify(text)).toMatchObject({ blockable: false, preparable: false })
  })

  test.each([
    'select 1',
    'values (1)',
    'insert into a values (1)',
    'update a set b = 1',
    'delete from a',
    'merge into a using b on true when matched then delete',
    'create index i on a (b)',
    'drop index i',
    'alter table a detach partition b',
    'analyze a',
    'set local work_mem = 1',
    'create table a (b int)',
    'explain select 1',
  ])('bears %s', (text) => {
    expect(classify(text).blockable).toBe(true)
  })
})

test.each([
  ['select 1', true],
  ['values (1)', true],
  ['table a', true],
  ['with a as (select 1) select * from a', true],
  ['insert into a values ($1)', true],
  ['update a set b = $1', true],
  ['delete from a', true],
  ['merge into a using b on true when matched then delete', true],
  ['select * from a for update', true],
  ['select * into a from b', false],
  ['select 1 into a union select 2 union select 3', false],
  ['explain select 1', false],
  ['create table a (b int)', false],
  ['set a.b = 1', false],
  ['show all', false],
  ['begin', false],
  ['', false],
  ['select 1; select 1', false],
])('%s: can be prepared: %s', (text, preparable) => {
  expect(classify(text).preparable).toBe(preparable)
})

test.each([
  ['select 1', 0],
  ['select $1', 1],
  ['select $2', 2],
  ['select $1 + $1, $12::regclass', 12],
  [`select '$3', "$4", $$ $5 $$, E'\\'$6', 'a' /* $7 */ -- $8\n from "$9" where $1 = 1`, 1],
  ['select a$2 from b', 0],
  ['insert into a values ($1, $2), ($3, $4) on conflict (b) do update set c = $5', 5],
  ['with a as (update b set c = $3 returning *) select * from a limit $2', 3],
  ['explain select * from a where b = $4', 4],
  ['select $1; select $2', 2],
  ['select $1 from', 0],
])('%s has the parameters up to %i', (text, count) => {
  expect(classify(text).parameterCount).toBe(count)
})
