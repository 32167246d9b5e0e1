// Foreign data wrappers, servers and user mappings. Values of options whose names smell of a secret are written as
// 'redacted'; of a user mapping only the name of the user is shown.

import { quoteLiteral } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, type AttributeRow } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { named, notOfExtension, readRows, type Reading } from './reading.ts'
import { isHarmlessOption, renderForeignOptions } from './storage.ts'

interface WrapperRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly functions: readonly string[]
  readonly options: readonly string[] | null
}

interface ServerRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly type: string | null
  readonly version: string | null
  readonly wrapper: string
  readonly options: readonly string[] | null
}

interface MappingRow {
  readonly oid: number
  readonly server: string
  readonly role: string
  readonly options: readonly string[] | null
}

export async function readForeign(reading: Reading): Promise<Draft[]> {
  if (!reading.whole) return []
  const wrappers = await readRows<WrapperRow>(reading, wrapperQuery(reading))
  const servers = await readRows<ServerRow>(reading, serverQuery(reading))
  const mappings = reading.names === undefined ? await readRows<MappingRow>(reading, mappingQuery()) : []
  return [
    ...wrappers.map((row) => renderWrapper(reading, row)),
    ...servers.map((row) => renderServer(reading, row)),
    ...mappings.map(renderMapping),
  ]
}

function wrapperQuery(reading: Reading): Sql {
  return sql`
    select w.oid,
      quote_ident(w.fdwname) as name,
      array_remove(array[
        case when w.fdwhandler <> 0 then 'handler ' || w.fdwhandler::regproc end,
        case when w.fdwvalidator <> 0 then 'validator ' || w.fdwvalidator::regproc end
      ], null) as functions,
      w.fdwoptions as options,
      ${attributeColumns({ catalog: 'pg_foreign_data_wrapper', oid: 'w.oid', owner: 'w.fdwowner', acl: 'w.fdwacl', aclKind: "'F'" })}
    from pg_foreign_data_wrapper w
    where ${named(reading, 'w.fdwname')}
      and ${notOfExtension('pg_foreign_data_wrapper', 'w.oid')}`
}

function serverQuery(reading: Reading): Sql {
  return sql`
    select s.oid,
      quote_ident(s.srvname) as name,
      s.srvtype as type,
      s.srvversion as version,
      quote_ident(w.fdwname) as wrapper,
      s.srvoptions as options,
      ${attributeColumns({ catalog: 'pg_foreign_server', oid: 's.oid', owner: 's.srvowner', acl: 's.srvacl', aclKind: "'S'" })}
    from pg_foreign_server s
    join pg_foreign_data_wrapper w on w.oid = s.srvfdw
    where ${named(reading, 's.srvname')}
      and ${notOfExtension('pg_foreign_server', 's.oid')}`
}

function mappingQuery(): Sql {
  return sql`
    select m.umid as oid,
      quote_ident(m.srvname) as server,
      case when m.umuser = 0 then 'public' else quote_ident(m.usename) end as role,
      m.umoptions as options
    from pg_user_mappings m`
}

function renderWrapper(reading: Reading, row: WrapperRow): Draft {
  const attributes = renderAttributes(reading, { noun: 'foreign data wrapper', name: row.name }, row)
  const words = [`create foreign data wrapper ${row.name}`, ...row.functions].join(' ')
  return {
    kind: 'foreign-data-wrapper',
    identity: `foreign-data-wrapper ${row.name}`,
    statements: [`${words}${renderForeignOptions(row.options, isHarmlessOption)};`, ...attributes.statements],
    roles: attributes.roles,
    addresses: [addressOf('pg_foreign_data_wrapper', row.oid)],
  }
}

function renderServer(reading: Reading, row: ServerRow): Draft {
  const attributes = renderAttributes(reading, { noun: 'server', name: row.name, grantNoun: 'foreign server' }, row)
  const words = [
    `create server ${row.name}`,
    ...(row.type === null ? [] : [`type ${quoteLiteral(row.type)}`]),
    ...(row.version === null ? [] : [`version ${quoteLiteral(row.version)}`]),
    `foreign data wrapper ${row.wrapper}`,
  ].join(' ')
  return {
    kind: 'foreign-server',
    identity: `foreign-server ${row.name}`,
    statements: [`${words}${renderForeignOptions(row.options, isHarmlessOption)};`, ...attributes.statements],
    roles: attributes.roles,
    addresses: [addressOf('pg_foreign_server', row.oid)],
  }
}

function renderMapping(row: MappingRow): Draft {
  const options = renderForeignOptions(row.options, (name) => name === 'user')
  return {
    kind: 'user-mapping',
    identity: `user-mapping ${row.role} on ${row.server}`,
    parent: `foreign-server ${row.server}`,
    statements: [`create user mapping for ${row.role} server ${row.server}${options};`],
    roles: row.role === 'public' ? [] : [row.role],
    addresses: [addressOf('pg_user_mapping', row.oid)],
  }
}
