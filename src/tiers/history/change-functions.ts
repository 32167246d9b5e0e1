// What INSERT, UPDATE and DELETE on a history do.
//
// What holds: a row that is in the table is changed there, as if the statement had named the table. A packed row is taken out of its
// segment into the loose rows, without capture, and changed there by a statement on all of them, which is captured as a change of the
// table's would be. A change of a key, or of what the table is partitioned by, is a DELETE there and an INSERT into the table, so that
// keys of loose rows were always packed ones.
//
// Nothing is lost: a row that another transaction has changed since the statement began is not overwritten; the statement fails with
// 40001, to be run again. A row that is gone counts as none, as anywhere. Limits, computed columns and constraints are those of the table.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import type { SourceColumn } from '../model/columns.ts'
import { packObjectNames } from '../model/objects.ts'
import { identifyingKey, isMeant, isUnchanged } from './match.ts'
import { columnsOf, namesOf, ours, placesOf, writtenOf, type TierObjects } from './objects.ts'
import { definerFunction, pieceOf, type Piece } from './piece.ts'
import { isSameRow, ofRow, textOf } from './row-text.ts'
import { failAnew, requireSnapshot } from './stale-snapshot.ts'

export function changePieces(objects: TierObjects): readonly Piece[] {
  return [insertPiece(objects), updatePiece(objects), deletePiece(objects)]
}

function insertPiece(objects: TierObjects): Piece {
  const { insert, table } = placesOf(objects)
  const { columns } = objects
  const identity = columns.find((column) => column.identity !== undefined)
  const written = writtenOf(objects)
  const plain = insertText(objects, written, 'new')
  const numbered = insertText(
    objects,
    written.filter((column) => column !== identity),
    'new',
  )
  const given = identity?.identity === 'always' ? `    ${refuseValue(identity, 'insert')}` : `    ${plain};`
  const body = `${columns
    .filter(({ generated }) => generated)
    .map(
      (column) =>
        `  if new.${quoteIdent(column.name)} is not null then\n    ${refuseValue(column, 'insert')}\n  end if;\n`,
    )
    .join('')}${
    identity === undefined
      ? `  ${plain};`
      : `  if new.${quoteIdent(identity.name)} is null then\n    ${numbered};\n  else\n${given}\n  end if;`
  }
  if not found then
    return null;
  end if;
  return new;`
  return pieceOf({
    kind: 'function',
    place: insert,
    purpose: `Inserts into the history of ${table}`,
    create: definerFunction({ place: insert, returns: 'trigger', body }),
  })
}

/** What the row has become is in NEW behind it. */
function insertText(
  objects: TierObjects,
  columns: readonly SourceColumn[],
  row: string,
  { overriding = '' }: { readonly overriding?: string } = {},
): string {
  const { table } = placesOf(objects)
  return `insert into ${table} as t (${namesOf(columns)})${overriding}
    values (${columnsOf(row, columns)})
    returning ${columnsOf('t', objects.columns)}
    into ${columnsOf('new', objects.columns)}`
}

function updatePiece(objects: TierObjects): Piece {
  const { update, table, loose } = placesOf(objects)
  const set = setText(writtenOf(objects).filter(({ identity }) => identity !== 'always'))
  const body = `${[...refuseChanges(objects), ...prepare(objects)].map((line) => `  ${line}\n`).join('')}  loop
    ${changeText(objects, table, `update ${table} as t set ${set}`)}
    returning ${columnsOf('t', objects.columns)}
    into ${columnsOf('new', objects.columns)};
    if found then
      return new;
    end if;
    if moves then
      ${changeText(objects, loose, `delete from ${loose} as t`)};
      if found then
        ${insertText(objects, writtenOf(objects), 'next', { overriding: ' overriding system value' })};
        if not found then
          raise exception using errcode = 'triggered_action_exception',
            message = 'a trigger keeps the changed row out of its table, and the packed row cannot stay as it was';
        end if;
        return new;
      end if;
    else
      ${changeText(objects, loose, `update ${loose} as t set ${setText(objects.columns)}`)};
      if found then
${requireConstraints(objects)}${objects.columns.map(({ name }) => `        new.${quoteIdent(name)} := next.${quoteIdent(name)};\n`).join('')}        return new;
      end if;
    end if;
${takeText(objects)}
  end loop;
  ${requireSnapshot(objects)}
  ${requireUnchanged(objects, 'update')}
  return null;`
  return pieceOf({
    kind: 'function',
    place: update,
    purpose: `Updates the history of ${table}`,
    create: definerFunction({
      place: update,
      returns: 'trigger',
      declare: [`next ${table}`, 'moves boolean', ...takeVariables(objects)],
      body,
    }),
  })
}

function deletePiece(objects: TierObjects): Piece {
  const { delete: place, table, loose } = placesOf(objects)
  const body = `${wantedText(objects)
    .map((line) => `  ${line}\n`)
    .join('')}  loop
    ${changeText(objects, table, `delete from ${table} as t`)};
    if found then
      return old;
    end if;
    ${changeText(objects, loose, `delete from ${loose} as t`)};
    if found then
      return old;
    end if;
${takeText(objects)}
  end loop;
  ${requireSnapshot(objects)}
  ${requireUnchanged(objects, 'delete')}
  return null;`
  return pieceOf({
    kind: 'function',
    place,
    purpose: `Deletes from the history of ${table}`,
    create: definerFunction({ place, returns: 'trigger', declare: takeVariables(objects), body }),
  })
}

/** The one row that is meant; of rows that are all the same, one. */
function changeText(objects: TierObjects, relation: string, verb: string): string {
  const pair = { row: 't', wanted: 'old' }
  const where = isUnchanged(objects, pair)
  if (identifyingKey(objects) !== undefined) return `${verb}\n    where ${where}`
  const axis = quoteIdent(objects.axis.name)
  const one = `with one as (
      select t.tableoid as leaf, t.ctid as place
      from ${relation} as t
      where ${where}
      limit 1
      for update
    )`
  const from = verb.startsWith('delete') ? 'using one' : 'from one'
  return `${one}
    ${verb} ${from}
    where t.tableoid = one.leaf and t.ctid = one.place and t.${axis} = old.${axis}`
}

function setText(columns: readonly SourceColumn[]): string {
  return columns.map(({ name }) => `${quoteIdent(name)} = next.${quoteIdent(name)}`).join(', ')
}

/** Of columns that are not to be written: changing one fails, as it would in the table. */
function refuseChanges({ columns }: TierObjects): readonly string[] {
  return columns
    .filter(({ generated, identity }) => generated || identity === 'always')
    .map((column) => {
      const one = [column]
      return `if ${textOf('new', one)} is distinct from ${textOf('old', one)} then ${refuseValue(column, 'update')} end if;`
    })
}

function refuseValue({ name }: SourceColumn, verb: 'insert' | 'update'): string {
  const quoted = quoteIdent(name)
  const message =
    verb === 'insert'
      ? `cannot insert a non-DEFAULT value into column ${quoted}`
      : `column ${quoted} can only be updated to DEFAULT`
  return `raise exception using errcode = 'generated_always', message = ${quoteLiteral(message)};`
}

/** `next`: the row as the table would take it, within its limits, and what is computed of it. */
function prepare(objects: TierObjects): readonly string[] {
  const { columns, facts, keys, axis } = objects
  const computed = columns.flatMap((column) => {
    const expression = facts.generated[column.name]
    return expression === undefined ? [] : [{ column, expression }]
  })
  const inKeys = new Set([axis.name, ...keys.flatMap((key) => key.columns)])
  const keyColumns = columns.filter(({ name }) => inKeys.has(name))
  return [
    ...writtenOf(objects).map(({ name }) => `next.${quoteIdent(name)} := new.${quoteIdent(name)};`),
    ...computed.map(({ column }) => {
      const name = quoteIdent(column.name)
      return `next.${name} := ${ofRow(objects, 'next', name)};`
    }),
    `moves := ${textOf('next', keyColumns)} is distinct from ${textOf('old', keyColumns)};`,
    ...wantedText(objects),
  ]
}

/** The table would ask; loose rows have no constraints, so that whatever was packed can be there. */
function requireConstraints(objects: TierObjects): string {
  const { table: source, columns, facts } = objects
  const where = `table = ${quoteLiteral(source.table)}, schema = ${quoteLiteral(source.schema)}`
  const notNull = columns
    .filter((column) => column.notNull)
    .map(({ name }) => {
      const message = `null value in column ${quoteIdent(name)} of relation ${quoteIdent(source.table)} violates not-null constraint`
      return `        if next.${quoteIdent(name)} is null then
          raise exception using errcode = 'not_null_violation', message = ${quoteLiteral(message)}, column = ${quoteLiteral(name)}, ${where};
        end if;\n`
    })
  const checks = facts.checks.map(({ name, expression }) => {
    const message = `new row for relation ${quoteIdent(source.table)} violates check constraint ${quoteIdent(name)}`
    return `        if ${ofRow(objects, 'next', expression)} is false then
          raise exception using errcode = 'check_violation', message = ${quoteLiteral(message)}, constraint = ${quoteLiteral(name)}, ${where};
        end if;\n`
  })
  return [...notNull, ...checks].join('')
}

function takeVariables(objects: TierObjects): readonly string[] {
  const { table } = placesOf(objects)
  return [
    `wanted ${table}`,
    'pack_id bigint',
    'taken boolean',
    'is_packed boolean',
    'is_taken boolean',
    'tries integer := 0',
  ]
}

function wantedText(objects: TierObjects): readonly string[] {
  return objects.columns.map(({ name }) => `wanted.${quoteIdent(name)} := old.${quoteIdent(name)};`)
}

/** A row may be packed, or on its way out of its segment by another transaction: it is looked for once more behind that. */
function takeText(objects: TierObjects): string {
  const { number, axis } = objects
  const at = `old.${quoteIdent(axis.name)}`
  const take = ours(packObjectNames(0n).take.split('0').join('%s'))
  const taker = `${take}(${placesOf(objects).table.replaceAll('%', '%%')})`
  return `    is_packed := false;
    is_taken := false;
    for pack_id in
      select p.pack
      from pgstrata.tier_partition as p
      where p.tier_table = ${number}
        and p.pack is not null
        and case when p.lower_bound = 'MINVALUE' then true else ${at} >= p.lower_bound::${axis.type} end
        and case when p.upper_bound = 'MAXVALUE' then true else ${at} < p.upper_bound::${axis.type} end
    loop
      is_packed := true;
      if to_regprocedure(format(${quoteLiteral(taker)}, pack_id)) is null then
        ${failAnew(objects)}
      end if;
      execute format(${quoteLiteral(`select ${take}($1)`)}, pack_id) into taken using wanted;
      is_taken := is_taken or taken;
    end loop;
    tries := tries + 1;
    exit when not is_packed or tries > 1 and not is_taken or tries > ${mostTries};`
}

/** Each begins with a segment that another transaction took in between. */
const mostTries = 5

/** Where it is as it was, a trigger has kept it; where this statement has changed it, it has had its change. */
function requireUnchanged(objects: TierObjects, verb: 'update' | 'delete'): string {
  const { table, loose, history } = placesOf(objects)
  const pair = { row: 't', wanted: 'old' }
  const isIdentified = identifyingKey(objects) !== undefined
  // Without a key nobody can tell a row that was changed from one that was deleted.
  if (!isIdentified && verb === 'delete') return ''
  const changed = `${isMeant(objects, pair)} and not ${isSameRow(objects, 't', 'old')} and t.xmin <> pg_current_xact_id()::xid`
  const isThere = (relation: string): string =>
    `exists (select from ${relation} as t where ${isIdentified ? changed : isUnchanged(objects, pair)})`
  const message = `could not ${verb} a row of ${history}: another transaction has changed it meanwhile`
  return `if ${isIdentified ? '' : 'not '}(${isThere(table)} or ${isThere(loose)}) then
    raise exception using errcode = 'serialization_failure', message = ${quoteLiteral(message)}, hint = 'Run the transaction again.';
  end if;`
}
