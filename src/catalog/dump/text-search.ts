// Text search dictionaries and configurations. Parsers and templates are written in C: unsupported.ts reports them.

import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, type AttributeRow } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { inSchemas, named, notOfExtension, readRows, type Reading } from './reading.ts'

interface DictionaryRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly template: string
  readonly options: string | null
}

interface ConfigurationRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly parser: string
  /** 'word with public.a, pg_catalog.simple', sorted by the kind of token. */
  readonly mappings: readonly string[]
}

export async function readTextSearch(reading: Reading): Promise<Draft[]> {
  const dictionaries = await readRows<DictionaryRow>(reading, dictionaryQuery(reading))
  const configurations = await readRows<ConfigurationRow>(reading, configurationQuery(reading))
  return [
    ...dictionaries.map((row) => renderDictionary(reading, row)),
    ...configurations.map((row) => renderConfiguration(reading, row)),
  ]
}

function dictionaryQuery(reading: Reading): Sql {
  return sql`
    select d.oid,
      format('%I.%I', n.nspname, d.dictname) as name,
      format('%I.%I', tn.nspname, t.tmplname) as template,
      d.dictinitoption as options,
      ${attributeColumns({ catalog: 'pg_ts_dict', oid: 'd.oid', owner: 'd.dictowner' })}
    from pg_ts_dict d
    join pg_namespace n on n.oid = d.dictnamespace
    join pg_ts_template t on t.oid = d.dicttemplate
    join pg_namespace tn on tn.oid = t.tmplnamespace
    where ${inSchemas(reading, 'd.dictnamespace')}
      and ${named(reading, 'd.dictname')}
      and ${notOfExtension('pg_ts_dict', 'd.oid')}`
}

function configurationQuery(reading: Reading): Sql {
  return sql`
    select c.oid,
      format('%I.%I', n.nspname, c.cfgname) as name,
      format('%I.%I', pn.nspname, p.prsname) as parser,
      array(
        select format('%I with %s', t.alias, string_agg(format('%I.%I', dn.nspname, d.dictname), ', ' order by m.mapseqno))
        from pg_ts_config_map m
        join ts_token_type(c.cfgparser) t on t.tokid = m.maptokentype
        join pg_ts_dict d on d.oid = m.mapdict
        join pg_namespace dn on dn.oid = d.dictnamespace
        where m.mapcfg = c.oid
        group by t.alias
        order by t.alias collate "C"
      ) as mappings,
      ${attributeColumns({ catalog: 'pg_ts_config', oid: 'c.oid', owner: 'c.cfgowner' })}
    from pg_ts_config c
    join pg_namespace n on n.oid = c.cfgnamespace
    join pg_ts_parser p on p.oid = c.cfgparser
    join pg_namespace pn on pn.oid = p.prsnamespace
    where ${inSchemas(reading, 'c.cfgnamespace')}
      and ${named(reading, 'c.cfgname')}
      and ${notOfExtension('pg_ts_config', 'c.oid')}`
}

function renderDictionary(reading: Reading, row: DictionaryRow): Draft {
  const attributes = renderAttributes(reading, { noun: 'text search dictionary', name: row.name }, row)
  const options = row.options === null ? '' : `, ${row.options}`
  return {
    kind: 'text-search-dictionary',
    identity: `text-search-dictionary ${row.name}`,
    statements: [
      `create text search dictionary ${row.name} (template = ${row.template}${options});`,
      ...attributes.statements,
    ],
    roles: attributes.roles,
    addresses: [addressOf('pg_ts_dict', row.oid)],
  }
}

function renderConfiguration(reading: Reading, row: ConfigurationRow): Draft {
  const attributes = renderAttributes(reading, { noun: 'text search configuration', name: row.name }, row)
  return {
    kind: 'text-search-configuration',
    identity: `text-search-configuration ${row.name}`,
    statements: [
      `create text search configuration ${row.name} (parser = ${row.parser});`,
      ...row.mappings.map((mapping) => `alter text search configuration ${row.name} add mapping for ${mapping};`),
      ...attributes.statements,
    ],
    roles: attributes.roles,
    addresses: [addressOf('pg_ts_config', row.oid)],
  }
}
