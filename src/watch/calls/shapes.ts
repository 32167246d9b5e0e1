// What statements came to by shape, and work by the name that the application gave it: since the beginning, and since it was
// last taken to be stored.
//
// What must be true: what was recorded is in exactly one shape, or in 'other'; what was taken and could not be stored is put
// back and is in it as before.
// Bounds: 500 shapes, names among them; the one that has not come for longest makes room, and what it came to goes to 'other'.

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

export interface TakenCalls {
  readonly shape: Pick<CallShape, 'id' | 'kind' | 'text' | 'queryid'>
  readonly calls: Histogram
}

export class CallShapes {
  /** In the order in which they came last. */
  readonly #shapes = new Map<string, CallShape>()
  readonly other: CallShape = makeShape({ id: 'other', kind: 'other', text: 'all others', statements: 1 })

  statement(found: StatementShape): CallShape {
    return this.#get(found.id, () =>
      makeShape({ ...found, kind: 'statement', ...(found.kind === undefined ? {} : { command: found.kind }) }),
    )
  }

  work(name: string): CallShape {
    const text = name.slice(0, longestName)
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
    this.other.total.merge(shape.total)
    this.other.pending.merge(shape.pending)
  }

  add(shape: CallShape, calls: Histogram): void {
    // One that had to make room while somebody still holds it.
    const into = this.#shapes.get(shape.id) ?? this.other
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

  /** Those that took most first, 'other' last. */
  list(): readonly CallShape[] {
    const shapes = [...this.#shapes.values()].filter(({ total }) => total.count > 0)
    const sorted = shapes.toSorted((a, b) => b.total.sumUs - a.total.sumUs)
    return this.other.total.count === 0 ? sorted : [...sorted, this.other]
  }

  /** What is not stored yet, of the `most` that took most, and of all others together. Counts as stored from now on. */
  take(most: number): readonly TakenCalls[] {
    const pending = [...this.#shapes.values()]
      .filter((shape) => shape.pending.count > 0)
      .toSorted((a, b) => b.pending.sumUs - a.pending.sumUs)
    const taken = pending.slice(0, most).map((shape): TakenCalls => ({ shape, calls: copyOf(shape.pending) }))
    const rest = copyOf(this.other.pending)
    for (const shape of pending.slice(most)) rest.merge(shape.pending)
    for (const { pending: stored } of [...pending, this.other]) stored.clear()
    return rest.count === 0 ? taken : [...taken, { shape: this.other, calls: rest }]
  }

  /** It could not be stored. */
  putBack(taken: readonly TakenCalls[]): void {
    for (const { shape, calls } of taken) (this.#shapes.get(shape.id) ?? this.other).pending.merge(calls)
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
