// A conversion as small as it can be: the phases of bound items in their order, around the steps that are the engine's.
// What runs outside of the one transaction is run twice, as after a kill.

import { readSchema, type SchemaObject } from '../../../src/catalog/dump/index.ts'
import type { Db, Session } from '../../../src/db/db.ts'
import {
  keysNeeded,
  leafSettings,
  leafStatements,
  readBound,
  statementsBeforeLock,
  statementsOf,
  type BoundItem,
  type BoundSubject,
  type Method,
  type Phase,
} from '../../../src/partitions/convert/bound/index.ts'
import { consents, type Consent, type Layout } from '../../../src/partitions/options.ts'
import { withdrawDefaults } from '../../../src/partitions/template.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../../../src/sql/quote.ts'
import { sql } from '../../../src/sql/sql.ts'

export const methods: readonly Method[] = ['empty', 'relabel', 'copy']

export const byMonth = (column: string): Layout => ({
  kind: 'time',
  column,
  grain: 'month',
  zone: 'UTC',
  split: undefined,
})

export interface SubjectOptions {
  readonly schema?: string
  readonly table: string
  readonly method: Method
  readonly layout?: Layout
  readonly accept?: readonly Consent[]
}

export function subjectOf(options: SubjectOptions): BoundSubject {
  return {
    names: {
      schema: options.schema ?? 'public',
      table: options.table,
      incoming: `${options.table}_incoming`,
      retired: `${options.table}_before`,
    },
    method: options.method,
    layout: options.layout ?? byMonth('at'),
    accept: options.accept ?? consents,
  }
}

export async function run(on: Db | Session, ...statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    try {
      await on.query(sql.raw(statement))
    } catch (error) {
      throw new Error(`${(error as Error).message} in: ${statement}`, { cause: error })
    }
  }
}

export async function bound(db: Db, subject: BoundSubject): Promise<readonly BoundItem[]> {
  return await db.withSession((session) => readBound(session, subject))
}

/** The items of a kind, by name. */
export function ofKind(items: readonly BoundItem[], kind: string): readonly BoundItem[] {
  return items.filter((item) => item.kind === kind)
}

/** Kind, name and verdict of what stands in the way. */
export function obstacles(items: readonly BoundItem[]): readonly (readonly string[])[] {
  return items
    .filter((item) => item.verdict !== 'carried')
    .map((item) => [item.kind, item.name, item.consent ?? item.verdict])
}

const bound2025 = '2025-01-01'
const after2025 = '2026-01-01'

/** All rows of the tests are of 2024 or 2025. */
export async function convert(db: Db, subject: BoundSubject, hooks: Hooks = {}): Promise<readonly BoundItem[]> {
  return await db.withSession(async (session) => {
    if (hooks.role !== undefined) await run(session, `set role ${hooks.role}`)
    const items = await readBound(session, subject)
    const blocked = obstacles(items)
    if (blocked.length > 0) throw new Error(`Something is in the way: ${JSON.stringify(blocked)}`)
    await ways[subject.method]({ session, subject, items, hooks })
    await run(session, 'reset role')
    return items
  })
}

export interface Hooks {
  /** Who converts; default: a superuser. */
  readonly role?: string
  /** In the transaction of the swap, before its first statement and behind its last. */
  readonly onSwap?: (session: Session, state: 'begun' | 'ending') => Promise<void>
}

const isWork = (message: string): boolean =>
  /validating foreign key|verifying table|building index|rewriting table|REINDEX/.test(message)

/** Converts, and tells what the swap read or built, as the server says at DEBUG1. */
export async function convertAndListen(db: Db, subject: BoundSubject): Promise<readonly string[]> {
  const heard: string[] = []
  let listening = true
  let control = 0
  await run(db, 'create table if not exists songs (id bigint)')
  await convert(db, subject, {
    onSwap: async (session, state) => {
      if (state === 'begun') {
        session.onNotice(({ message }) => {
          if (!isWork(message)) return
          if (listening) heard.push(message)
          else control++
        })
        await run(session, 'set local client_min_messages = debug1')
        return
      }
      listening = false
      await run(session, 'create index on songs (id)', 'reset client_min_messages')
    },
  })
  if (control === 0) throw new Error('What is built would not have been heard of')
  return heard
}

interface Conversion {
  readonly session: Session
  readonly subject: BoundSubject
  readonly items: readonly BoundItem[]
  readonly hooks: Hooks
}

type Way = (conversion: Conversion) => Promise<void>

const ways: Readonly<Record<Method, Way>> = { empty: replaceEmpty, relabel, copy: copyOver }

async function replaceEmpty({ session, subject, items }: Conversion): Promise<void> {
  await run(session, 'begin')
  await phase(session, items, 'prepare')
  await phase(session, items, 'filled')
  await makeLeaves(session, subject, items)
  await phase(session, items, 'release')
  await rename(session, subject)
  await phase(session, items, 'adopt')
  await run(session, `drop table ${nameOf(subject, 'retired')}`)
  await phase(session, items, 'settle')
  await run(session, 'commit')
}

async function relabel({ session, subject, items, hooks }: Conversion): Promise<void> {
  const table = nameOf(subject, 'table')
  const column = quoteIdent(subject.layout.column)
  await twice(session, items, 'prepare')
  await twice(session, items, 'filled')
  await makeLeaves(session, subject, items)
  const check = `check (${column} is not null and ${column} < ${quoteLiteral(bound2025)})`
  await run(
    session,
    ...keysNeeded(items).map(({ create }) => create),
    `alter table ${table} add constraint pgstrata_convert_bound ${check} not valid`,
    `alter table ${table} validate constraint pgstrata_convert_bound`,
  )
  const last = await readAgain(session, subject, items)
  await run(session, 'begin')
  await hooks.onSwap?.(session, 'begun')
  await run(session, ...statementsBeforeLock(last), `lock table ${table} in access exclusive mode`)
  await phase(session, last, 'release')
  await rename(session, subject)
  await run(
    session,
    `alter table ${table} attach partition ${nameOf(subject, 'retired')} for values from (minvalue) to (${quoteLiteral(bound2025)})`,
    `alter table ${nameOf(subject, 'retired')} drop constraint pgstrata_convert_bound`,
  )
  await phase(session, last, 'adopt')
  await hooks.onSwap?.(session, 'ending')
  await run(session, 'commit')
  await twice(session, last, 'settle')
}

async function copyOver({ session, subject, items, hooks }: Conversion): Promise<void> {
  await twice(session, items, 'prepare')
  await makeLeaves(session, subject, items)
  const { rows } = await session.query<{ names: string }>(sql`
    select string_agg(quote_ident(attname), ', ' order by attnum) as names
    from pg_attribute
    where attrelid = ${nameOf(subject, 'table')}::regclass
      and attnum > 0
      and attgenerated = ''
      and not attisdropped`)
  const names = rows[0]?.names ?? ''
  await run(
    session,
    `insert into ${nameOf(subject, 'incoming')} (${names}) select ${names} from ${nameOf(subject, 'table')}`,
  )
  await twice(session, items, 'filled')
  const last = await readAgain(session, subject, items)
  await run(session, 'begin')
  await hooks.onSwap?.(session, 'begun')
  await run(session, ...statementsBeforeLock(last), `lock table ${nameOf(subject, 'table')} in access exclusive mode`)
  await phase(session, last, 'release')
  await rename(session, subject)
  await phase(session, last, 'adopt')
  await hooks.onSwap?.(session, 'ending')
  await run(session, 'commit')
  await twice(session, last, 'settle')
}

/** As it is done just before the swap: what was made meanwhile changes nothing of what was made. */
async function readAgain(
  session: Session,
  subject: BoundSubject,
  items: readonly BoundItem[],
): Promise<readonly BoundItem[]> {
  const again = await readBound(session, subject)
  for (const which of ['prepare', 'filled'] as const) {
    if (JSON.stringify(statementsOf(again, which)) !== JSON.stringify(statementsOf(items, which))) {
      throw new Error(`Read again, the items do another thing in ${which}`)
    }
  }
  return again
}

async function phase(session: Session, items: readonly BoundItem[], which: Phase): Promise<void> {
  await run(session, ...statementsOf(items, which))
}

async function twice(session: Session, items: readonly BoundItem[], which: Phase): Promise<void> {
  await phase(session, items, which)
  await phase(session, items, which)
}

export function nameOf(subject: BoundSubject, which: 'table' | 'incoming' | 'retired'): string {
  return quoteQualified(subject.names.schema, subject.names[which])
}

async function makeLeaves(session: Session, subject: BoundSubject, items: readonly BoundItem[]): Promise<void> {
  const { schema, table } = subject.names
  const settings = leafSettings(items)
  const ranges: readonly (readonly [string, string])[] =
    subject.layout.kind === 'hash'
      ? [0, 1].map((remainder) => [`${remainder}`, `with (modulus 2, remainder ${remainder})`] as const)
      : [
          ...(subject.method === 'relabel'
            ? []
            : [['2024', `from ('2024-01-01') to (${quoteLiteral(bound2025)})`] as const]),
          ['2025', `from (${quoteLiteral(bound2025)}) to (${quoteLiteral(after2025)})`] as const,
        ]
  for (const [suffix, values] of ranges) {
    const leaf = quoteQualified(schema, `${table}_${suffix}`)
    await run(
      session,
      `create table ${leaf} partition of ${nameOf(subject, 'incoming')} for values ${values}`,
      ...(settings === undefined ? [] : leafStatements(settings, leaf)),
      withdrawDefaults(leaf),
    )
  }
}

async function rename(session: Session, subject: BoundSubject): Promise<void> {
  await run(
    session,
    `alter table ${nameOf(subject, 'table')} rename to ${quoteIdent(subject.names.retired)}`,
    `alter table ${nameOf(subject, 'incoming')} rename to ${quoteIdent(subject.names.table)}`,
  )
}

/**
 * The schema as objects, by identity, without the partitions and what was set aside, and without what only a plain
 * table says: how it is partitioned, and how its rows are stored.
 */
export async function readWhole(db: Db, subject: BoundSubject): Promise<Readonly<Record<string, string>>> {
  const { table, retired } = subject.names
  const leaves = [retired, `${table}_2024`, `${table}_2025`, `${table}_0`, `${table}_1`]
  const objects = await readSchema(db, { owners: true })
  const kept = objects.filter((object) => !leaves.some((leaf) => isOf(object, leaf)))
  return Object.fromEntries(kept.map((object) => [object.identity, plain(object)]))
}

function isOf(object: SchemaObject, name: string): boolean {
  const texts = [object.identity, object.parent ?? '']
  return texts.some((text) => new RegExp(`[." ]${name}(["_]|$)`).test(text))
}

function plain(object: SchemaObject): string {
  if (object.kind !== 'table') return object.sql.replace(/ ON ONLY /g, ' ON ')
  return object.sql.replace(/\npartition by .*?(?=;?$)/m, '').replace(/\nwith \(.*\)(?=;$)/m, '')
}
