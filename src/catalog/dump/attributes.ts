// What any object may have: an owner, a comment, grants. Grants are written as the difference from what an object of
// its kind and owner has by itself, so that GRANT followed by REVOKE leaves no trace. Who granted is not kept.

import { quoteLiteral } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { compareText, groupBy, type Catalog } from './object.ts'
import type { Reading } from './reading.ts'

export interface AttributeRow {
  readonly owner: string
  readonly comment: string | null
  /** Encoded by `grantsColumn`; null where nothing was ever granted. */
  readonly grants: readonly string[] | null
}

export interface AttributeSource {
  readonly catalog: Catalog
  /** SQL expressions. */
  readonly oid: string
  readonly owner: string
  readonly acl?: string
  /** acldefault's letter, as an expression: `'r'`. */
  readonly aclKind?: string
}

/** The columns owner, comment and grants. */
export function attributeColumns(of: AttributeSource): Sql {
  const grants =
    of.acl === undefined
      ? sql`null::text[]`
      : grantsColumn(of.acl, `acldefault(${of.aclKind ?? ''}, ${of.owner})`, of.owner)
  return sql`
      quote_ident(pg_get_userbyid(${sql.raw(of.owner)})) as owner,
      obj_description(${sql.raw(of.oid)}, '${sql.raw(of.catalog)}') as comment,
      ${grants} as grants`
}

/**
 * text[]: one item for each privilege that is there beyond `baseline` (+) or is missing from it (-):
 * sign, 'g' if with grant option, kind of grantee (public, owner, role), privilege, blank, quoted role.
 */
export function grantsColumn(acl: string, baseline: string, owner: string): Sql {
  const entries = (sign: string, from: string): Sql => sql`
          select ${sql.raw(`'${sign}'`)} as sign, grantee, privilege_type, is_grantable
          from aclexplode(${sql.raw(from)})`
  return sql`case when ${sql.raw(acl)} is not null then array(
        select e.sign
          || case when e.is_grantable then 'g' else '-' end
          || case e.grantee when 0 then 'p' when ${sql.raw(owner)} then 'o' else 'r' end
          || e.privilege_type
          || ' '
          || case e.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(e.grantee)) end
        from (
          (${entries('+', acl)}
          except${entries('+', baseline)})
          union all
          (${entries('-', baseline)}
          except${entries('-', acl)})
        ) e
      ) end`
}

export interface Target {
  /** As COMMENT ON and ALTER … OWNER TO call it: 'table', 'materialized view'. */
  readonly noun: string
  readonly name: string
  /** As GRANT calls it, where that differs. */
  readonly grantNoun?: string
}

export interface Rendered {
  readonly statements: readonly string[]
  readonly roles: readonly string[]
}

/** The statements that follow the one that creates the object. */
export function renderAttributes(reading: Reading, target: Target, row: AttributeRow): Rendered {
  const statements: string[] = []
  if (reading.owners) statements.push(`alter ${target.noun} ${target.name} owner to ${row.owner};`)
  statements.push(...renderComment(reading, `${target.noun} ${target.name}`, row.comment))
  const granted = renderGrants(reading, {
    on: `${target.grantNoun ?? target.noun} ${target.name}`,
    owner: row.owner,
    grants: row.grants,
  })
  return {
    statements: [...statements, ...granted.statements],
    roles: [...(reading.owners ? [row.owner] : []), ...granted.roles],
  }
}

export function renderComment(reading: Reading, on: string, comment: string | null): string[] {
  return reading.comments && comment !== null ? [`comment on ${on} is ${quoteLiteral(comment)};`] : []
}

export interface Granted {
  readonly on: string
  readonly owner: string
  readonly grants: readonly string[] | null
  /** Set for the grants of one column: its quoted name. */
  readonly column?: string
}

interface Entry {
  readonly sign: string
  readonly grantable: boolean
  readonly grantee: string
  readonly isOwner: boolean
  readonly isRole: boolean
  readonly privilege: string
}

export function renderGrants(reading: Reading, granted: Granted): Rendered {
  if (!reading.grants || granted.grants === null) return { statements: [], roles: [] }
  const entries = decodeGrants(granted.grants)
  const groups = groupBy(entries, (entry) => `${entry.sign}${entry.grantable ? 'g' : '-'} ${entry.grantee}`)
  const statements = [...groups]
    .map(([key, group]) => ({ key, text: renderGroup(reading, granted, group) }))
    // A revocation takes away a grant too, so it comes first: '-' sorts after '+'.
    .toSorted((left, right) => -compareText(left.key[0] ?? '', right.key[0] ?? '') || compareText(left.key, right.key))
    .map(({ text }) => text)
  const roles = entries
    .filter((entry) => entry.isRole || (entry.isOwner && reading.owners))
    .map((entry) => entry.grantee)
  return { statements, roles }
}

/** A privilege held both with and without grant option, from two grantors, is held with it. */
export function decodeGrants(encoded: readonly string[]): Entry[] {
  const withOption = new Set(encoded.filter((item) => item.startsWith('+g')).map((item) => item.slice(2)))
  return encoded
    .filter((item) => !(item.startsWith('+-') && withOption.has(item.slice(2))))
    .map((item) => {
      const blank = item.indexOf(' ')
      return {
        sign: item[0] ?? '',
        grantable: item[1] === 'g',
        isOwner: item[2] === 'o',
        isRole: item[2] === 'r',
        privilege: item.slice(3, blank).toLowerCase(),
        grantee: item.slice(blank + 1),
      }
    })
}

function renderGroup(reading: Reading, granted: Granted, group: readonly Entry[]): string {
  const [first] = group
  if (first === undefined) return ''
  const grantee = first.isOwner && !reading.owners ? 'current_user' : first.grantee
  const privileges = group
    .map((entry) => (granted.column === undefined ? entry.privilege : `${entry.privilege} (${granted.column})`))
    .toSorted(compareText)
    .join(', ')
  if (first.sign === '-') return `revoke ${privileges} on ${granted.on} from ${grantee};`
  return `grant ${privileges} on ${granted.on} to ${grantee}${first.grantable ? ' with grant option' : ''};`
}
