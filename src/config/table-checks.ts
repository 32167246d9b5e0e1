// What is wrong between the keys of one table, told at the key that has to change. Pure.

import type { z } from 'zod'
import type { IdConfig, TableConfig } from './table-types.ts'
import { checkTiers } from './tiers.ts'

type Path = readonly (string | number)[]
type Tell = (path: Path, message: string) => void

export function checkTable(context: z.core.ParsePayload<TableConfig>): void {
  const one = context.value
  const tell: Tell = (path, message) => {
    context.issues.push({ code: 'custom', message, input: '', path: [...path], continue: true })
  }
  if (one.partition === undefined) return checkUnpartitioned(one, tell)
  const kind = kindOf(one)
  checkTime(one, kind, tell)
  checkZone(one, kind, tell)
  checkFrom(one, kind, tell)
  checkRetain(one, kind, tell)
  checkNames(one, tell)
  if (kind === 'hash') {
    for (const key of ['ahead', 'from', 'outside', 'retain', 'warm', 'cold'] as const) {
      if (one[key] !== undefined) tell([key], 'expected nothing: partitions by hash alone have no periods')
    }
  }
  const split = Array.isArray(one.partition) ? (one.partition[1] as { hash: string }) : undefined
  const column = kind === 'time' ? one.time : idOf(one)?.id
  if (split !== undefined && split.hash === column) {
    tell(['partition'], `expected the hash of another column than "${column}", by which the periods go`)
  }
  if (kind !== 'hash') checkTiers(one, column, tell)
}

const layoutKeys = [
  'time',
  'ahead',
  'from',
  'zone',
  'retain',
  'names',
  'outside',
  'indexes',
  'brin',
  'storage',
  'statistics',
  'accept',
  'warm',
  'cold',
] as const

function checkUnpartitioned(one: TableConfig, tell: Tell): void {
  const said = layoutKeys.filter((key) => one[key] !== undefined)
  for (const key of said) tell([key], 'expected `partition` beside it, to which it belongs')
  if (said.length === 0 && one.expire === undefined) tell([], 'expected `partition` or `expire`, got neither')
}

type Kind = 'time' | 'id' | 'hash'

function kindOf({ partition }: TableConfig): Kind {
  const first: unknown = Array.isArray(partition) ? partition[0] : partition
  if (typeof first === 'string') return 'time'
  return typeof first === 'object' && first !== null && 'id' in first ? 'id' : 'hash'
}

export function idOf({ partition }: TableConfig): IdConfig | undefined {
  const first: unknown = Array.isArray(partition) ? partition[0] : partition
  return typeof first === 'object' && first !== null && 'id' in first ? (first as IdConfig) : undefined
}

export function grainOf({ partition }: TableConfig): string | undefined {
  const first: unknown = Array.isArray(partition) ? partition[0] : partition
  return typeof first === 'string' ? first : undefined
}

function checkTime(one: TableConfig, kind: Kind, tell: Tell): void {
  if (kind === 'time' && one.time === undefined) {
    tell(['time'], `expected the column of time that partitions by the ${grainOf(one) ?? 'month'} go by, got nothing`)
  }
  if (kind !== 'time' && one.time !== undefined) {
    tell(['time'], `expected nothing: partitions by ${kind === 'id' ? 'id' : 'hash alone'} have no time`)
  }
  if (kind !== 'time' && one.brin === true) tell(['brin'], 'expected partitions by time, to whose column it belongs')
}

function checkZone(one: TableConfig, kind: Kind, tell: Tell): void {
  if (one.zone === undefined) return
  if (kind !== 'time') return tell(['zone'], 'expected nothing: only partitions by time have a zone')
  if (!isZone(one.zone))
    return tell(
      ['zone'],
      `expected the name of a time zone such as 'Europe/Berlin', got ${JSON.stringify(one.zone.slice(0, 60))}`,
    )
  if (grainOf(one) === 'hour' && one.zone !== 'UTC') {
    tell(
      ['zone'],
      `expected UTC for partitions by the hour (an hour comes twice when clocks go back), got "${one.zone}"`,
    )
  }
}

/** Postgres would read an offset the other way round. */
function isZone(zone: string): boolean {
  if (!/^[A-Za-z][\w+/-]*$/.test(zone)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

function checkFrom(one: TableConfig, kind: Kind, tell: Tell): void {
  if (one.from === undefined || kind === 'hash') return
  const got = `got ${JSON.stringify(one.from)}`
  if (kind === 'id') {
    if (!/^-?\d{1,18}$/.test(String(one.from))) tell(['from'], `expected an id, ${got}`)
    return
  }
  if (typeof one.from !== 'string' || !isMoment(one.from)) tell(['from'], `expected a day such as '2024-01-01', ${got}`)
}

function isMoment(text: string): boolean {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?))?$/.exec(text)
  if (match === null || text.startsWith('0000')) return false
  const [, day = '', clock = '00:00'] = match
  const parsed = new Date(`${day}T${clock}Z`)
  // 31 February would be read as 3 March.
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day)
}

function checkRetain(one: TableConfig, kind: Kind, tell: Tell): void {
  const { retain } = one
  if (retain === undefined || kind === 'hash') return
  const rule = typeof retain === 'string' ? { for: retain } : retain
  const at = (key: 'for' | 'count'): Path => (typeof retain === 'string' ? ['retain'] : ['retain', key])
  const count = 'count' in rule ? rule.count : undefined
  if (rule.for !== undefined && count !== undefined) return tell(at('count'), 'expected `for` or `count`, got both')
  if (rule.for === undefined && count === undefined) return tell(['retain'], 'expected `for` or `count`, got neither')
  if (kind === 'id' && rule.for !== undefined) {
    tell(at('for'), 'expected `count`: the age of an id is not known, got a span of time')
  }
}

function checkNames({ names }: TableConfig, tell: Tell): void {
  if (names === undefined) return
  const unknown = [...names.matchAll(/\{([^}]*)\}/g)].filter(([, inner]) => inner !== 'table' && inner !== 'period')
  if (!names.includes('{period}') || unknown.length > 0 || names.includes('\0')) {
    tell(
      ['names'],
      `expected a name with {period} in it, and perhaps {table}, got ${JSON.stringify(names.slice(0, 60))}`,
    )
  }
}
