// For whoever has to make anew what plain views read: a rollup that is declared otherwise, for one.

import type { Session } from '../db/db.ts'
import { readUntouched, type CarriedReaders, type ManagedObject, type ReadByOthers } from '../plan/index.ts'
import { findReaders, nobody, readCarried, type Wanted } from './carried.ts'
import { checkTexts, type Candidate } from './check.ts'
import type { PlainView } from './options.ts'
import { identityOf, readKeptPlain, refOf, type KeptPlain } from './plain-queries.ts'
import { readText, viewsNamed } from './reading.ts'
import { findFunctionReaders } from './uses.ts'

export interface Carry {
  readonly read: ReadByOthers
  readonly plain: readonly PlainView[]
  /** Of the others that are declared: one that was plain before is no more to be forgotten than these are. */
  readonly others: readonly { readonly name: string }[]
  readonly asDeclared: boolean
}

export async function carryReaders(
  session: Session,
  { read, plain, others: materialized, asDeclared }: Carry,
): Promise<CarriedReaders> {
  const kept = await readKeptPlain(session)
  const { readers, others } = await findReaders(session, { ...read, kept })
  if (readers.length === 0) return { ...nobody, stuck: others }
  const wanted = new Map<string, Wanted>()
  const changed: Candidate[] = []
  const reads = new Map<string, ReadonlySet<string>>()
  for (const reader of asDeclared ? readers : []) {
    const view = plain.find(({ name }) => name === reader.name)
    const isDeclared = view !== undefined || materialized.some(({ name }) => name === reader.name)
    if (!isDeclared) wanted.set(reader.name, 'gone')
    if (view === undefined || view.schema !== reader.schema) continue
    const text = await readText(view)
    if ('why' in text) continue
    if (view.sql === reader.declared.sql)
      wanted.set(view.name, { view, text: text.text, reads: viewsNamed(text.relations, plain) })
    else {
      reads.set(view.name, viewsNamed(text.relations, plain))
      changed.push({ view, noun: 'view', text: text.text, taken: true })
    }
  }
  // One that the server refuses now may need what is still to come: it stays as it stands until then.
  for (const [name, said] of await checkTexts(session, changed)) {
    const view = plain.find((one) => one.name === name)
    const text = changed.find((one) => one.view.name === name)?.text
    if (view !== undefined && text !== undefined && 'columns' in said)
      wanted.set(name, {
        view,
        text,
        reads: reads.get(name) ?? new Set(),
        columns: said.columns,
        sources: said.sources,
      })
  }
  const objects = await keepTexts(session, readers, wanted)
  return { ...(await readCarried(session, { ...read, kept, wanted })), records: { ...nobody.records, objects } }
}

/**
 * The server prints the query of a view with the columns of a function by their places, so that, printed before and made behind it,
 * the view would read others when the function has more of them. Those that nobody changed are made by their own text.
 */
async function keepTexts(
  session: Session,
  readers: readonly KeptPlain[],
  wanted: Map<string, Wanted>,
): Promise<readonly ManagedObject[]> {
  const ofFunctions = await findFunctionReaders(session, readers)
  if (ofFunctions.length === 0) return []
  const objects = ofFunctions.map((kept) => ({ identity: identityOf(kept), ref: refOf(kept) }))
  const untouched = await readUntouched(session, objects)
  for (const kept of ofFunctions) {
    if (wanted.has(kept.name) || !untouched.has(identityOf(kept))) continue
    const read = await readText(kept.declared)
    if ('text' in read) wanted.set(kept.name, { view: kept.declared, text: read.text })
  }
  return objects.filter(({ identity }) => untouched.has(identity))
}
