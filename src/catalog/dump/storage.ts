// The parts of statements that tables, views and indexes share: storage options and the tablespace.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { compareText, type Draft } from './object.ts'

/** 'fillfactor=70' as the catalog keeps it → `fillfactor = 70`, sorted by name. */
export function renderOptions(options: readonly string[]): string {
  return options
    .map(splitOption)
    .toSorted((left, right) => compareText(left.name, right.name))
    .map(({ name, value }) => `${optionName(name)} = ${optionValue(value)}`)
    .join(', ')
}

function splitOption(option: string): { name: string; value: string } {
  const at = option.indexOf('=')
  return at < 0 ? { name: option, value: '' } : { name: option.slice(0, at), value: option.slice(at + 1) }
}

/** 'toast.autovacuum_enabled' is two names; no other option holds a dot. */
function optionName(name: string): string {
  return /^(toast\.)?[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdent(name)
}

function optionValue(value: string): string {
  return /^(-?[0-9]+(\.[0-9]+)?|true|false)$/.test(value) ? value : quoteLiteral(value)
}

/** A place of its own, for another server hardly ever has a tablespace of that name. */
export function tablespaceDraft(alter: string, parent: string, name: string, tablespace: string): Draft {
  return {
    kind: 'tablespace',
    identity: `tablespace of ${name}`,
    parent,
    statements: [`alter ${alter} ${name} set tablespace ${tablespace};`],
    after: [`index ${name}`],
    addresses: [],
  }
}

/** FDW options as the catalog keeps them → `(user 'app', password 'redacted')`. */
export function renderForeignOptions(options: readonly string[] | null, isPublic: (name: string) => boolean): string {
  const written = (options ?? [])
    .map(splitOption)
    .map(({ name, value }) => `${quoteIdent(name)} ${isPublic(name) ? quoteLiteral(value) : "'redacted'"}`)
    .toSorted(compareText)
  return written.length === 0 ? '' : ` options (${written.join(', ')})`
}

export function isHarmlessOption(name: string): boolean {
  return !/pass|secret|token|key|credential/i.test(name)
}
