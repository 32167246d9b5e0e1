// What statements came to by shape, and work by the name that the application gave it: since the beginning, and since it was
// last taken to be stored.
//
// What must be true: what was recorded is in exactly one shape, or in one of the two rests; what was taken and could not be stored is
// put back and is in it as before. Work is made of statements, so that it is never in a sum with them.
// Bounds: 500 shapes, names among them; the one that has not come for longest makes room, and what it came to goes to the rest of its kind.

import type { StatementShape } from '../../sql/shape.ts'
import { Histogram } from './histogram.ts'

export interface CallShape {
  /** As pgstrata.watch_shape has it: of statements the fingerprint, of work 'work:' and its name. */
  readonly id: string
  readonly kind: 'statement' | 'work' | 'other'
  /** Without constants. */
  readonly text: string
  /** How many statements one call is to the server. */
  readonly statements: number
  /** 'SelectStmt' …; undefined: not known. */
  readonly command: string | undefined
  readonly total: Histogram
  /** Not stored yet. */
  readonly pending: Histogram
  /** By the server, where somebody has asked it. */
  queryid: string | undefined
}

const mostShapes = 500
const longestName = 200

/** As a name can be stored: PostgreSQL takes no NUL, and half a character is none. */
export function workName(name: string): string {
  return name.slice(0, longestName).replaceAll('\0', '\uFFFD').toWellFormed()
}

export interface TakenCalls {
  readonly shape: Pick<CallShape, 'id' | 'kind' | 'text' | 'queryid'>
  readonly calls: Histogram
}

/** What has no room of its own. */
export const restOfStatements = { id: 'other', kind: 'other', text: 'all others' } as const
export const restOfWork = { id: 'work', kind: 'work', text: 'all other work' } as const

export class CallShapes {
  /** In the order in which they came last. */
  readonly #shapes = new Map<string, CallShape>()
  readonly other: CallShape = makeShape({ ...restOfStatements, statements: 1 })
  readonly #otherWork: CallShape = makeShape({ ...restOfWork, statements: 1 })

  statement(found: StatementShape): CallShape {
    return this.#get(found.id, () =>
      makeShape({ ...found, kind: 'statement', ...(found.kind === undefined ? {} : { command: found.kind }) }),
    )
  }

  /** `name` as workName() gives it. */
  work(text: string): CallShape {
    return this.#get(`work:${text}`, () => makeShape({ id: `work:${text}`, kind: 'work', text, statements: 1 }))
  }

  #get(id: string, make: () => CallShape): CallShape {
    const shape = this.#shapes.get(id) ?? make()
    this.#shapes.delete(id)
    this.#shapes.set(id, shape)
    if (this.#shapes.size <= mostShapes) return shape
    const [oldest] = this.#shapes.values()
    if (oldest !== undefined) this.#fold(oldest)
    return shape
  }

  #fold(shape: CallShape): void {
    this.#shapes.delete(shape.id)
    const rest = this.#restOf(shape)
    rest.total.merge(shape.total)
    rest.pending.merge(shape.pending)
  }

  #restOf({ kind }: Pick<CallShape, 'kind'>): CallShape {
    return kind === 'work' ? this.#otherWork : this.other
  }

  add(shape: CallShape, calls: Histogram): void {
    // One that had to make room while somebody still holds it.
    const into = this.#shapes.get(shape.id) ?? this.#restOf(shape)
    into.total.merge(calls)
    into.pending.merge(calls)
  }

  record(shape: CallShape, durationMs: number, isFailure: boolean): void {
    shape.total.record(durationMs, isFailure)
    shape.pending.record(durationMs, isFailure)
  }

  identify(id: string, queryid: string): void {
    const shape = this.#shapes.get(id)
    if (shape !== undefined) shape.queryid = queryid
  }

  /** Those that took most first, the rests last. */
  list(): readonly CallShape[] {
    const isThere = ({ total }: CallShape): boolean => total.count > 0
    const shapes = [...this.#shapes.values()].filter(isThere)
    const sorted = shapes.toSorted((a, b) => b.total.sumUs - a.total.sumUs)
    return [...sorted, ...[this.other, this.#otherWork].filter(isThere)]
  }

  /** What is not stored yet, of the `most` that took most, and of all others of a kind together. Counts as stored from now on. */
  take(most: number): readonly TakenCalls[] {
    const pending = [...this.#shapes.values()]
      .filter((shape) => shape.pending.count > 0)
      .toSorted((a, b) => b.pending.sumUs - a.pending.sumUs)
    const taken = pending.slice(0, most).map((shape): TakenCalls => ({ shape, calls: copyOf(shape.pending) }))
    const rests = [this.other, this.#otherWork].map((shape): TakenCalls => ({ shape, calls: copyOf(shape.pending) }))
    for (const shape of pending.slice(most)) {
      rests.find((rest) => rest.shape === this.#restOf(shape))?.calls.merge(shape.pending)
    }
    for (const { pending: stored } of [...pending, this.other, this.#otherWork]) stored.clear()
    return [...taken, ...rests.filter(({ calls }) => calls.count > 0)]
  }

  /** It could not be stored. */
  putBack(taken: readonly TakenCalls[]): void {
    for (const { shape, calls } of taken) (this.#shapes.get(shape.id) ?? this.#restOf(shape)).pending.merge(calls)
  }
}

function makeShape(
  given: Pick<CallShape, 'id' | 'kind' | 'text' | 'statements'> & { readonly command?: string },
): CallShape {
  return {
    id: given.id,
    kind: given.kind,
    text: given.text,
    statements: given.statements,
    command: given.command,
    total: new Histogram(),
    pending: new Histogram(),
    queryid: undefined,
  }
}

function copyOf(histogram: Histogram): Histogram {
  const copy = new Histogram()
  copy.merge(histogram)
  return copy
}
