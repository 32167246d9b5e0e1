// What a dump is made of. One object is one name of the database with everything that belongs to it alone: its
// comment, its grants, its settings. What must be created later than its table (a foreign key, an index, a trigger)
// is an object of its own, and names the table as its parent.

/** Kinds in the order in which they are created where nothing else decides, and in which the text shows them. */
const kinds = [
  'schema',
  'extension',
  'language',
  'access-method',
  'foreign-data-wrapper',
  'foreign-server',
  'user-mapping',
  'collation',
  'conversion',
  'enum',
  'type',
  'domain',
  'range',
  'text-search-parser',
  'text-search-template',
  'text-search-dictionary',
  'text-search-configuration',
  'function',
  'procedure',
  'aggregate',
  'operator-family',
  'operator',
  'operator-class',
  'cast',
  'transform',
  'sequence',
  'table',
  'foreign-table',
  'default',
  'partition',
  'view',
  'materialized-view',
  'tablespace',
  'constraint',
  'index',
  'foreign-key',
  'statistics',
  'rule',
  'trigger',
  'policy',
  'publication',
  'refresh',
  'grants',
  'default-privileges',
  'event-trigger',
] as const

export type ObjectKind = (typeof kinds)[number]

const ranks: ReadonlyMap<ObjectKind, number> = new Map(kinds.map((kind, index) => [kind, index]))

export interface SchemaObject {
  readonly kind: ObjectKind
  /** 'table public.plays', 'trigger keep on public.plays'; names are quoted where SQL needs it. Unique in a dump. */
  readonly identity: string
  /** Full statements that create it, each closed by a semicolon; or comments alone where it cannot be reproduced. */
  readonly sql: string
  /** The identity of the table or view that it is a part of. */
  readonly parent?: string
  /** Identities of objects that must be there first, as pg_depend knows them. Sorted. */
  readonly after: readonly string[]
  /** Roles named in `sql`, quoted where SQL needs it. Sorted. */
  readonly roles: readonly string[]
  /** False: `sql` only says what is there, it does not create it. */
  readonly reproduced: boolean
}

/** An object as a reader of one kind makes it, before the dependencies are known. */
export interface Draft {
  readonly kind: ObjectKind
  readonly identity: string
  /** Of a routine, as the catalog has it: several may have the same. */
  readonly name?: string
  readonly statements: readonly string[]
  readonly parent?: string
  /** Identities that pg_depend does not tell. */
  readonly after?: readonly string[]
  readonly roles?: readonly string[]
  readonly reproduced?: boolean
  /** Where pg_depend knows it: see `addressOf`. */
  readonly addresses: readonly string[]
}

const catalogIds = {
  pg_class: 1259,
  pg_type: 1247,
  pg_proc: 1255,
  pg_am: 2601,
  pg_cast: 2605,
  pg_constraint: 2606,
  pg_conversion: 2607,
  pg_attrdef: 2604,
  pg_language: 2612,
  pg_namespace: 2615,
  pg_opclass: 2616,
  pg_operator: 2617,
  pg_opfamily: 2753,
  pg_rewrite: 2618,
  pg_trigger: 2620,
  pg_foreign_data_wrapper: 2328,
  pg_foreign_server: 1417,
  pg_user_mapping: 1418,
  pg_extension: 3079,
  pg_policy: 3256,
  pg_statistic_ext: 3381,
  pg_collation: 3456,
  pg_event_trigger: 3466,
  pg_transform: 3576,
  pg_ts_dict: 3600,
  pg_ts_parser: 3601,
  pg_ts_config: 3602,
  pg_ts_template: 3764,
  pg_publication: 6104,
} as const

export type Catalog = keyof typeof catalogIds

/** An object as pg_depend names it: oid of its catalog (fixed in every version) and its own. */
export function addressOf(catalog: Catalog, oid: number): string {
  return `${catalogIds[catalog]}/${oid}`
}

function rankOf(kind: ObjectKind): number {
  return ranks.get(kind) ?? kinds.length
}

/** By kind, then by name in code point order: the same on every machine, whatever the locale. */
export function compareObjects(
  left: { kind: ObjectKind; identity: string },
  right: { kind: ObjectKind; identity: string },
): number {
  return rankOf(left.kind) - rankOf(right.kind) || compareText(left.identity, right.identity)
}

export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

export function sortedUnique(texts: Iterable<string>): string[] {
  return [...new Set(texts)].toSorted(compareText)
}

export function groupBy<T, Key>(items: Iterable<T>, keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
