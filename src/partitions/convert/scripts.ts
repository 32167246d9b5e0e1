// What is bound to the table, read and turned into the statements of each phase; what was made for the conversion itself is
// left out, and so does not count as a change of the table.

import { captureTriggerPrefix } from '../../changes/capture/index.ts'
import { StrataError } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import type { PartitionedTable } from '../options.ts'
import { phases, statementsOf, type BoundItem, type ConversionNames } from './bound/item.ts'
import { ownPrefix } from './bound/names.ts'
import type { ConversionParts } from './parts.ts'
import type { ConversionRecord, Scripts } from './record.ts'
import type { LiveMethod } from './states.ts'

export interface BoundQuestion {
  readonly parts: ConversionParts
  readonly names: ConversionNames
  readonly method: LiveMethod
  readonly declared: PartitionedTable
}

export async function readItems(session: Session, question: BoundQuestion): Promise<readonly BoundItem[]> {
  const { parts, names, method, declared } = question
  const items = await parts.readBound(session, { names, method, layout: declared.layout, accept: declared.accept })
  return items.filter((item) => !item.name.includes(captureTriggerPrefix) && !item.name.includes(ownPrefix))
}

export function scriptsOf(items: readonly BoundItem[]): Scripts {
  return Object.fromEntries(phases.map((phase) => [phase, statementsOf(items, phase)])) as unknown as Scripts
}

export function requireCarried(items: readonly BoundItem[], names: ConversionNames): void {
  const open = items.filter((item) => item.verdict !== 'carried')
  if (open.length === 0) return
  throw new StrataError('CONVERT_REFUSED', {
    message: `${quoteQualified(names.schema, names.table)} cannot be converted as it is`,
    notes: open.map(({ kind, name, how, wayOut, consent }) =>
      [`${kind} ${name}: ${how}`, wayOut, consent === undefined ? undefined : `(--accept ${consent})`]
        .filter((part) => part !== undefined)
        .join(' '),
    ),
    details: { items: open.map(({ kind, name, verdict, consent }) => ({ kind, name, verdict, consent })) },
  })
}

/** Just before the swap: what was carried over already must still be what there is. */
export async function readFinalItems(
  session: Session,
  record: ConversionRecord,
  parts: ConversionParts,
): Promise<readonly BoundItem[]> {
  const { names, method, declared } = record
  const items = await readItems(session, { parts, names, method, declared })
  requireCarried(items, names)
  const now = scriptsOf(items)
  const changed = (['prepare', 'filled'] as const).filter(
    (phase) => JSON.stringify(now[phase]) !== JSON.stringify(record.scripts[phase]),
  )
  if (changed.length > 0) {
    const before = new Set(changed.flatMap((phase) => record.scripts[phase]))
    throw new StrataError('CONVERT_FAILED', {
      message: `${quoteQualified(names.schema, names.table)} was changed while it was converted`,
      notes: changed.flatMap((phase) => now[phase].filter((statement) => !before.has(statement))).slice(0, 10),
      advice: 'Run `pgstrata convert <table> --abort`, and begin again with the table as it is now.',
    })
  }
  return items
}
