// Grants on what extensions own, where they differ from those the extension came with (pg_init_privs): the right to use
// the foreign data wrapper of postgres_fdw, to call a function of an extension, to use a trusted language.

import { sql, type Sql } from '../../sql/sql.ts'
import { grantsColumn, renderGrants } from './attributes.ts'
import type { Catalog, Draft } from './object.ts'
import { readRows, type Reading } from './reading.ts'

interface MemberRow {
  readonly noun: string
  readonly name: string
  readonly extension: string
  readonly owner: string
  readonly grants: readonly string[] | null
}

interface Source {
  readonly catalog: Catalog
  readonly owner: string
  readonly acl: string
  /** SQL expressions: acldefault's letter, GRANT's word and the name. */
  readonly aclKind: string
  readonly noun: string
  readonly name: string
}

const inSchema = (namespace: string, name: string): string =>
  `(select quote_ident(n.nspname) from pg_namespace n where n.oid = o.${namespace}) || '.' || quote_ident(o.${name})`

const sources: readonly Source[] = [
  {
    catalog: 'pg_class',
    owner: 'o.relowner',
    acl: 'o.relacl',
    aclKind: `case o.relkind when 'S' then 's' else 'r' end::"char"`,
    noun: `case o.relkind when 'S' then 'sequence' else 'table' end`,
    name: inSchema('relnamespace', 'relname'),
  },
  {
    catalog: 'pg_proc',
    owner: 'o.proowner',
    acl: 'o.proacl',
    aclKind: `'f'`,
    noun: `'routine'`,
    name: `${inSchema('pronamespace', 'proname')} || format('(%s)', oidvectortypes(o.proargtypes))`,
  },
  {
    catalog: 'pg_type',
    owner: 'o.typowner',
    acl: 'o.typacl',
    aclKind: `'T'`,
    noun: `'type'`,
    name: inSchema('typnamespace', 'typname'),
  },
  {
    catalog: 'pg_namespace',
    owner: 'o.nspowner',
    acl: 'o.nspacl',
    aclKind: `'n'`,
    noun: `'schema'`,
    name: 'quote_ident(o.nspname)',
  },
  {
    catalog: 'pg_foreign_data_wrapper',
    owner: 'o.fdwowner',
    acl: 'o.fdwacl',
    aclKind: `'F'`,
    noun: `'foreign data wrapper'`,
    name: 'quote_ident(o.fdwname)',
  },
  {
    catalog: 'pg_language',
    owner: 'o.lanowner',
    acl: 'o.lanacl',
    aclKind: `'l'`,
    noun: `'language'`,
    name: 'quote_ident(o.lanname)',
  },
]

export async function readExtensionGrants(reading: Reading): Promise<Draft[]> {
  if (!reading.whole || !reading.grants || reading.names !== undefined) return []
  const drafts: Draft[] = []
  for (const source of sources) {
    const rows = await readRows<MemberRow>(reading, query(source))
    drafts.push(...rows.map((row) => render(reading, row)))
  }
  return drafts.filter((draft) => draft.statements.length > 0)
}

function query(source: Source): Sql {
  const baseline = `coalesce(p.initprivs, acldefault(${source.aclKind}, ${source.owner}))`
  return sql`
    select ${sql.raw(source.noun)} as noun,
      ${sql.raw(source.name)} as name,
      quote_ident(e.extname) as extension,
      quote_ident(pg_get_userbyid(${sql.raw(source.owner)})) as owner,
      ${grantsColumn(source.acl, baseline, source.owner)} as grants
    from pg_depend d
    join pg_extension e on e.oid = d.refobjid
    join ${sql.raw(source.catalog)} o on o.oid = d.objid
    left join pg_init_privs p on p.classoid = d.classid
      and p.objoid = d.objid
      and p.objsubid = 0
    where d.classid = '${sql.raw(source.catalog)}'::regclass
      and d.refclassid = 'pg_extension'::regclass
      and d.deptype = 'e'
      and ${sql.raw(source.acl)} is distinct from p.initprivs`
}

function render(reading: Reading, row: MemberRow): Draft {
  const on = `${row.noun} ${row.name}`
  return {
    kind: 'grants',
    identity: `grants on ${on}`,
    ...renderGrants(reading, { on, owner: row.owner, grants: row.grants }),
    after: [`extension ${row.extension}`],
    addresses: [],
  }
}
