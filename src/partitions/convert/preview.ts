// What a conversion would do, before anything is done: what becomes of all that is bound to the table, every statement with
// its lock, and how much space it takes.

import { StrataError } from '../../base/errors.ts'
import { formatSize, plural } from '../../base/units.ts'
import { captureStatements } from '../../changes/capture/index.ts'
import type { Session } from '../../db/db.ts'
import { combineEffects, describeEffect, type Cost, type TableLock } from '../../plan/index.ts'
import { parseSql } from '../../sql/parse.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import {
  keysNeeded,
  leafSettings,
  locksNeeded,
  notNullNeeded,
  statementsBeforeLock,
  type BoundItem,
  type ConversionNames,
} from './bound/item.ts'
import { ownPrefix } from './bound/names.ts'
import { planPeriods } from './extent.ts'
import type { ConversionParts } from './parts.ts'
import { capturedColumns, readTableFacts } from './read-table.ts'
import { chooseUntil } from './relabel.ts'
import type { DeclaredConversion, TableFacts } from './record.ts'
import { readItems, scriptsOf } from './scripts.ts'
import { firstState, type LiveMethod, type State } from './states.ts'

export interface PreviewedStatement {
  readonly text: string
  readonly locks: readonly TableLock[]
  readonly cost: Cost
}

export interface PreviewedStep {
  readonly state: State
  readonly what: string
  readonly statements: readonly PreviewedStatement[]
}

export interface ConversionPreview {
  readonly method: LiveMethod
  readonly names: ConversionNames
  readonly facts: TableFacts
  readonly items: readonly BoundItem[]
  /** Relabelling: where the old table will end. */
  readonly until: string | undefined
  /** What a person should know before it begins. */
  readonly notes: readonly string[]
  readonly steps: readonly PreviewedStep[]
}

export interface PreviewQuestion {
  readonly declared: DeclaredConversion
  readonly method: LiveMethod
  readonly names: ConversionNames
  readonly parts: ConversionParts
}

export async function previewConversion(session: Session, question: PreviewQuestion): Promise<ConversionPreview> {
  const { declared, method, names, parts } = question
  const read = await readTableFacts(session, declared)
  const items = await readItems(session, question)
  const facts: TableFacts = { ...read, keys: method === 'relabel' ? keysNeeded(items) : [] }
  if (method === 'copy') requireKey(declared, facts)
  const until = method === 'relabel' ? await chooseUntil(session, declared, facts) : undefined
  const periods = until === undefined ? await planPeriods(session, declared, facts.columnType) : until.periods
  const partitions = await parts.makePartitions(session, {
    declared,
    parent: names.incoming,
    periods,
    leaf: leafSettings(items),
  })
  const steps = listSteps({ method, names, facts, items, partitions, until: until?.bound })
  return {
    method,
    names,
    facts,
    items,
    until: until?.bound,
    notes: notesOf(method, facts, until?.bound),
    steps: await Promise.all(
      steps
        .filter(({ texts }) => texts.length > 0)
        .map(async ({ state, what, texts }) => ({
          state,
          what,
          statements: await Promise.all(texts.map(describeStatement)),
        })),
    ),
  }
}

async function describeStatement(text: string): Promise<PreviewedStatement> {
  const parsed = await parseSql(text, { name: 'preview' })
  return { text, ...combineEffects(parsed.map(describeEffect)) }
}

function requireKey(declared: DeclaredConversion, facts: TableFacts): void {
  if (facts.keyColumns.length > 0) return
  throw new StrataError('CONVERT_REFUSED', {
    message: `${quoteQualified(declared.schema, declared.table)} has no key that tells its rows apart`,
    expected: 'a primary key, or a unique index on columns that are not null',
    advice: 'Give it one: a full conversion carries changes over by it.',
  })
}

function notesOf(method: LiveMethod, facts: TableFacts, until: string | undefined): readonly string[] {
  if (method === 'relabel') {
    return [
      `The table becomes the first partition, up to ${until ?? ''}. No row is moved; rows at or beyond that are refused until the swap.`,
    ]
  }
  const size = formatSize(facts.sizeBytes)
  return [
    `About ${plural(Math.round(facts.rows), 'row')} are copied. The table takes ${size}: until the old one is dropped, the server needs as much again, and as much for its WAL on the way. The free space of its disk cannot be seen from here.`,
    `Every change to the table is noted in schema pgstrata until the swap: a write takes somewhat longer.`,
  ]
}

interface Listing {
  readonly method: LiveMethod
  readonly names: ConversionNames
  readonly facts: TableFacts
  readonly items: readonly BoundItem[]
  readonly partitions: readonly string[]
  readonly until: string | undefined
}

interface ListedStep {
  readonly state: State
  readonly what: string
  readonly texts: readonly string[]
}

function listSteps(listing: Listing): readonly ListedStep[] {
  const { method, names, facts, items, partitions } = listing
  const scripts = scriptsOf(items)
  const old = quoteQualified(names.schema, names.table)
  const incoming = quoteQualified(names.schema, names.incoming)
  const exchange = [
    `alter table ${old} rename to ${quoteIdent(names.retired)}`,
    `alter table ${incoming} rename to ${quoteIdent(names.table)}`,
  ]
  if (method === 'relabel') return listRelabel(listing, exchange)
  const capture = captureStatements({
    id: 'n',
    schema: names.schema,
    table: names.table,
    columns: capturedColumns(facts),
    level: 'statement',
  })
  const list = facts.columns.map(quoteIdent).join(', ')
  return [
    {
      state: firstState.copy,
      what: 'the new table, which nobody uses yet',
      texts: [...scripts.prepare, ...partitions],
    },
    { state: 'capturing', what: 'changes are noted from here on', texts: [...capture.prepare, ...capture.install] },
    {
      state: 'copying',
      what: 'page by page, in batches of about 200 ms',
      texts: [
        `insert into ${incoming} (${list})\noverriding system value\nselect ${list}\nfrom only ${old}\nwhere ctid >= '(0,0)'\n  and ctid < '(64,0)'\non conflict do nothing`,
      ],
    },
    { state: 'filling', what: 'its indexes', texts: [...scripts.filled, `analyze ${incoming}`] },
    {
      state: 'swapping',
      what: 'one transaction, rung by rung',
      texts: [...lockTexts(items, old), ...scripts.release, ...capture.uninstall, ...exchange, ...scripts.adopt],
    },
    { state: 'settling', what: 'after the swap', texts: [...scripts.settle, ...capture.remove] },
  ]
}

function lockTexts(items: readonly BoundItem[], old: string): readonly string[] {
  return [
    ...statementsBeforeLock(items),
    `lock table only ${old} in access exclusive mode`,
    ...locksNeeded(items).map((other) => `lock table ${other} in access exclusive mode`),
  ]
}

function listRelabel(listing: Listing, exchange: readonly string[]): readonly ListedStep[] {
  const { names, facts, items, partitions, until = '' } = listing
  const scripts = scriptsOf(items)
  const old = quoteQualified(names.schema, names.table)
  const retired = quoteQualified(names.schema, names.retired)
  const constraint = quoteIdent(`${ownPrefix}n_bound`)
  const column = quoteIdent(facts.partitionColumns[0] ?? '')
  const notNull = [...new Set([column, ...notNullNeeded(items)])].map((name) => `${name} is not null`).join(' and ')
  return [
    { state: 'keying', what: 'keys that hold the partition columns', texts: facts.keys.map((key) => key.create) },
    {
      state: 'checking',
      what: 'rows at or beyond the bound are refused from here on',
      texts: [`alter table ${old} add constraint ${constraint} check (${notNull} and ${column} < ${until}) not valid`],
    },
    {
      state: 'validating',
      what: 'reads the table once',
      texts: [`alter table ${old} validate constraint ${constraint}`],
    },
    {
      state: 'preparing',
      what: 'the new table, which nobody uses yet',
      texts: [...scripts.prepare, ...scripts.filled, ...partitions],
    },
    {
      state: 'swapping',
      what: 'one transaction, rung by rung',
      texts: [
        ...lockTexts(items, old),
        ...scripts.release,
        ...exchange,
        ...notNullNeeded(items).map((name) => `alter table ${retired} alter column ${name} set not null`),
        `alter table ${old} attach partition ${retired} for values from (minvalue) to (${until})`,
        `alter table ${retired} drop constraint ${constraint}`,
        ...scripts.adopt,
      ],
    },
    { state: 'settling', what: 'after the swap', texts: scripts.settle },
  ]
}
