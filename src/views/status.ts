// What has become of the views: how fresh each is, when it comes next, and what should be seen to. A plain one is as fresh as
// what it reads.

import type { Db } from '../db/db.ts'
import { nextDueMs, type NextTick } from './due.ts'
import type { MaterializedView, PlainView } from './options.ts'
import { readKeptPlain, type KeptPlain } from './plain-queries.ts'
import {
  isConcurrent,
  isSameDeclaration,
  readDependencies,
  readFound,
  readKept,
  requireKnown,
  type FoundRelation,
  type KeptView,
} from './queries.ts'

export interface ViewStatus {
  readonly name: string
  readonly schema: string
  readonly kind: 'materialized' | 'plain'
  readonly state: 'not applied' | 'live' | 'changed' | 'missing' | 'not declared'
  readonly tags: readonly string[]
  /** What it holds was true then; null: it holds nothing, being plain, or nobody knows. */
  readonly lastRefreshed: Date | null
  /** How long ago that was, by the database's clock; 0 of a plain one. */
  readonly staleMs: number | null
  readonly tookMs: number | null
  readonly how: 'concurrently' | 'plainly' | null
  readonly rows: number | null
  readonly sizeBytes: number | null
  /** When it is to be refreshed; in the past: it is late. Null: only when somebody asks for it. */
  readonly dueAt: Date | null
  readonly lastError: string | null
  readonly findings: readonly { readonly what: string; readonly todo: string }[]
}

/** A run of the job, and what the run before it took. */
const lateMs = 15 * 60_000

export async function readViewStatus(
  db: Db,
  { views, plain }: { readonly views: readonly MaterializedView[]; readonly plain: readonly PlainView[] },
  { nextTickMs, name }: { readonly nextTickMs: NextTick; readonly name: string | undefined },
): Promise<readonly ViewStatus[]> {
  const kept = await readKept(db)
  const keptPlain = await readKeptPlain(db)
  if (name !== undefined) requireKnown([...views, ...plain], [...kept, ...keptPlain], name)
  const all = [...(await readMaterialized(db, { views, kept }, nextTickMs)), ...(await readPlain(db, plain, keptPlain))]
  return all.filter((one) => name === undefined || one.name === name).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

async function readMaterialized(
  db: Db,
  { views, kept }: { readonly views: readonly MaterializedView[]; readonly kept: readonly KeptView[] },
  nextTickMs: NextTick,
): Promise<readonly ViewStatus[]> {
  const known = [...views, ...kept.filter((one) => !views.some((view) => view.name === one.name))]
  const found = await readFound(db, kept)
  const { foreign } = await readDependencies(db, kept)
  return known.map((one) =>
    statusOf({
      declared: views.find((view) => view.name === one.name),
      kept: kept.find((view) => view.name === one.name),
      found: found.get(one.name),
      foreign: foreign.get(one.name) ?? [],
      place: one,
      nextTickMs,
    }),
  )
}

async function readPlain(
  db: Db,
  plain: readonly PlainView[],
  kept: readonly KeptPlain[],
): Promise<readonly ViewStatus[]> {
  const known = [...plain, ...kept.filter((one) => !plain.some((view) => view.name === one.name))]
  const found = await readFound(db, kept)
  return known.map(({ name, schema }) => {
    const declared = plain.find((view) => view.name === name)
    const before = kept.find((view) => view.name === name)
    const isThere = found.get(name)?.kind === 'v'
    const state =
      before === undefined
        ? 'not applied'
        : declared === undefined
          ? 'not declared'
          : !isThere
            ? 'missing'
            : declared.sql === before.declared.sql && schema === before.schema
              ? 'live'
              : 'changed'
    return { ...nothingHeld, name, schema, state, staleMs: isThere ? 0 : null, findings: findingOf[state] }
  })
}

/** Of a plain view. */
const nothingHeld = {
  kind: 'plain',
  tags: [],
  lastRefreshed: null,
  tookMs: null,
  how: null,
  rows: null,
  sizeBytes: null,
  dueAt: null,
  lastError: null,
} as const

interface Known {
  readonly declared: MaterializedView | undefined
  readonly kept: KeptView | undefined
  readonly found: FoundRelation | undefined
  readonly foreign: readonly string[]
  readonly place: Pick<MaterializedView, 'name' | 'schema'>
  readonly nextTickMs: NextTick
}

function statusOf(known: Known): ViewStatus {
  const { declared, kept, found, place, nextTickMs } = known
  const nowMs = kept?.now.getTime() ?? 0
  const dueMs = declared === undefined || kept === undefined ? undefined : nextDueMs(declared, kept, nextTickMs)
  const state = stateOf(known)
  return {
    name: place.name,
    schema: place.schema,
    kind: 'materialized',
    state,
    tags: (declared ?? kept?.declared)?.tags ?? [],
    lastRefreshed: kept?.lastRefreshed ?? null,
    staleMs: kept?.lastRefreshed == null ? null : nowMs - kept.lastRefreshed.getTime(),
    tookMs: kept?.refreshMs ?? null,
    how: kept?.how ?? null,
    rows: kept?.rows ?? null,
    sizeBytes: found?.sizeBytes ?? null,
    dueAt: dueMs === undefined ? null : new Date(dueMs),
    lastError: kept?.lastError ?? null,
    findings: findingsOf(known, { state, isLate: dueMs !== undefined && nowMs - dueMs > lateMs }),
  }
}

function stateOf({ declared, kept, found }: Known): ViewStatus['state'] {
  if (kept === undefined) return 'not applied'
  if (declared === undefined) return 'not declared'
  if (found?.kind !== 'm') return 'missing'
  return isSameDeclaration(declared, kept.declared) ? 'live' : 'changed'
}

const findingOf: Readonly<Record<ViewStatus['state'], ViewStatus['findings']>> = {
  'not applied': [{ what: 'it is declared and not made yet', todo: 'run `pgstrata apply`' }],
  live: [],
  changed: [{ what: 'it is declared in another way than it is kept', todo: 'run `pgstrata apply`' }],
  missing: [{ what: 'somebody dropped it', todo: 'run `pgstrata apply`, which makes it again' }],
  'not declared': [{ what: 'it is declared no more', todo: 'run `pgstrata apply`, which drops it' }],
}

function findingsOf(
  { kept, found, foreign }: Known,
  { state, isLate }: { readonly state: ViewStatus['state']; readonly isLate: boolean },
): ViewStatus['findings'] {
  const own = findingOf[state]
  if (kept === undefined || found?.kind !== 'm') return own
  const isEmpty = !found.populated
  const waiting = found.populated && !isConcurrent(found)
  return [
    ...own,
    ...(kept.lastError === null
      ? []
      : [{ what: `its last refresh failed: ${kept.lastError}`, todo: 'mend that; it is tried again by itself' }]),
    ...(isEmpty
      ? [{ what: 'it was never filled, and cannot be read', todo: `run \`pgstrata view refresh ${kept.name}\`` }]
      : []),
    ...(kept.lastRefreshed === null && !isEmpty
      ? [{ what: 'nobody knows how fresh it is', todo: `run \`pgstrata view refresh ${kept.name}\`` }]
      : []),
    ...(waiting
      ? [
          {
            what: 'no unique index: readers wait while it is refreshed',
            todo: 'declare `unique`, the columns that no two of its rows share',
          },
        ]
      : []),
    ...(isLate
      ? [{ what: 'it is late', todo: 'see that `pgstrata serve` runs, and `pgstrata jobs history refresh`' }]
      : []),
    ...foreign.map((other) => ({
      what: `it reads materialized view ${other}, which is refreshed by somebody else or not at all`,
      todo: 'declare that under `views` as well',
    })),
  ]
}
