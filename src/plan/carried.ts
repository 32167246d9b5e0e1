// Views that read what has to go for a moment, in the transaction that makes it again: whoever keeps those views hands this to
// whoever keeps what they read, and neither knows of the other.

import type { Session } from '../db/db.ts'
import type { ManagedObject } from './step.ts'

export interface CarriedReaders {
  /** Before: they go, the last reader first. */
  readonly drop: readonly string[]
  /** Behind it: they are made again, with all that was at them. */
  readonly create: readonly string[]
  /** Identities of those that are made again; a step that carries them changes them. */
  readonly changes: readonly string[]
  /** As a person reads them: readers that nobody here can make again, and what is bound to the others. */
  readonly stuck: readonly string[]
  /** What those that are made again will read: whoever changes it sees whether that is still there. */
  readonly uses: readonly Use[]
  /** Of those that are made again, the ones that will look otherwise: whoever does it outside of an apply records them. */
  readonly records: CarriedObjects
}

export interface CarriedObjects {
  readonly feature: string
  readonly objects: readonly ManagedObject[]
}

/** A relation or a function that a reader reads. */
export interface Use {
  /** The identity of the reader. */
  readonly reader: string
  readonly schema: string
  readonly name: string
  /** Of a relation, those that it reads; of a function, all names in the text of the reader that may be columns. */
  readonly columns: readonly string[]
  /** Of a relation. A name in a text may be a column of something else. */
  readonly isCertain: boolean
  /** The reader is declared otherwise, which cannot be made yet: it is made again as it was. */
  readonly isPending: boolean
}

/** What goes, as SQL writes it; functions with the types of their arguments. */
export interface ReadByOthers {
  readonly relations: readonly string[]
  readonly functions: readonly string[]
}

/** `asDeclared`: by what is declared of them now, as far as that can be made; otherwise as they stand. */
export type CarryReaders = (
  session: Session,
  read: ReadByOthers,
  how: { readonly asDeclared: boolean },
) => Promise<CarriedReaders>

/** What is still to come, and why it is not there yet. */
export interface Awaited {
  readonly schema: string
  readonly name: string
  readonly why: string
  readonly todo: string
  readonly waits: true
}
