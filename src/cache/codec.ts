// Values as bytes, and back. Whoever reads a value, from this process, from Redis or fresh from its loader, gets the same:
// what `decode(encode(value))` gives. It knows what JSON knows and BigInt, Date, Buffer, NaN, infinities, -0, undefined, Map
// and Set; an instance of a class comes back as a plain object of its own properties (or of what its toJSON gives).
//
// What must be true: what is shared between callers cannot be changed by one of them: plain objects and arrays are frozen;
// what cannot be frozen (Date, Buffer, Map, Set) is decoded anew for each.
// On failure: VALUE_INVALID for functions, symbols, and what nests deeper than 200 levels, as a circle does. It names the
// place by its depth, never a key or a value.

import { promisify } from 'node:util'
import { deflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib'
import { StrataError } from '../base/errors.ts'

export interface Encoded {
  readonly bytes: Buffer
  /** Before compression. */
  readonly plainBytes: number
}

export interface Decoded {
  readonly value: unknown
  /** Frozen: the same object may be given to everybody. */
  readonly isShareable: boolean
}

const compressFromBytes = 1_024
/** Beyond this the thread pool does it, so that nobody else waits. */
const compressHereBytes = 65_536
/** The quickest: rows as JSON repeat their names, which every level finds. */
const level = 1
const deepest = 200
const hasSpecial = 1
const isCompressed = 2

const deflate = promisify(deflateRaw)

export async function encode(value: unknown): Promise<Encoded> {
  const state = { special: false }
  const text = JSON.stringify(wrap(value, state, 0)) ?? 'null'
  const plain = Buffer.from(text)
  let flags = state.special ? hasSpecial : 0
  let body = plain
  if (plain.length >= compressFromBytes) {
    const smaller =
      plain.length <= compressHereBytes ? deflateRawSync(plain, { level }) : await deflate(plain, { level })
    if (smaller.length < plain.length) {
      body = smaller
      flags |= isCompressed
    }
  }
  return { bytes: Buffer.concat([Buffer.of(flags), body]), plainBytes: plain.length }
}

export function decode(bytes: Buffer): Decoded {
  const flags = bytes[0] ?? 0
  const body = bytes.subarray(1)
  const text = (flags & isCompressed) === 0 ? body.toString() : inflateRawSync(body).toString()
  const parsed: unknown = JSON.parse(text)
  if ((flags & hasSpecial) === 0) return { value: freeze(parsed), isShareable: true }
  const state = { mutable: false }
  const value = unwrap(parsed, state)
  return state.mutable ? { value, isShareable: false } : { value: freeze(value), isShareable: true }
}

interface WrapState {
  special: boolean
}

/** What JSON cannot hold becomes `{ $: kind, v }`; an object that has a `$` of its own becomes `{ $: 'o', v }`. */
function wrap(value: unknown, state: WrapState, depth: number): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : special(state, 'n', numberText(value))
    case 'bigint':
      return special(state, 'b', value.toString())
    case 'undefined':
      return special(state, 'u', 0)
    case 'object':
      return value === null ? null : wrapObject(value, state, depth)
    default:
      throw new StrataError('VALUE_INVALID', {
        message: 'A value cannot be cached',
        expected: 'data',
        got: `a ${typeof value}, ${depth} levels deep`,
        advice: 'Let the loader return what it is to be cached: rows, numbers, texts.',
      })
  }
}

function wrapObject(value: object, state: WrapState, depth: number): unknown {
  if (depth >= deepest)
    throw new StrataError('VALUE_INVALID', {
      message: 'A value cannot be cached',
      expected: `at most ${deepest} levels, and no circle`,
    })
  const inner = (item: unknown): unknown => wrap(item, state, depth + 1)
  if (Array.isArray(value)) return Array.from(value, inner)
  if (value instanceof Date) return special(state, 'd', Number.isNaN(value.getTime()) ? null : value.getTime())
  if (value instanceof Uint8Array)
    return special(state, 'x', Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'))
  if (value instanceof Map)
    return special(
      state,
      'm',
      [...value].map(([key, item]) => [inner(key), inner(item)]),
    )
  if (value instanceof Set) return special(state, 's', [...value].map(inner))
  if ('toJSON' in value && typeof value.toJSON === 'function') return inner((value.toJSON as () => unknown)())
  const wrapped: Record<string, unknown> = Object.fromEntries(
    Object.entries(value).map(([key, item]): [string, unknown] => [key, inner(item)]),
  )
  return Object.hasOwn(wrapped, '$') ? special(state, 'o', wrapped) : wrapped
}

function special(state: WrapState, kind: string, v: unknown): object {
  state.special = true
  return { $: kind, v }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

interface UnwrapState {
  mutable: boolean
}

function unwrap(value: unknown, state: UnwrapState): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => unwrap(item, state))
  const { $: kind, v } = value as { readonly $?: string; readonly v?: unknown }
  return kind === undefined ? unwrapFields(value, state) : unwrapSpecial(kind, v, state)
}

function unwrapFields(value: object, state: UnwrapState): object {
  return Object.fromEntries(Object.entries(value).map(([key, item]): [string, unknown] => [key, unwrap(item, state)]))
}

function unwrapSpecial(kind: string, v: unknown, state: UnwrapState): unknown {
  if (kind === 'n') return Number(v)
  if (kind === 'b') return BigInt(v as string)
  if (kind === 'u') return undefined
  if (kind === 'o') return unwrapFields(v as object, state)
  state.mutable = true
  if (kind === 'd') return new Date((v as number | null) ?? Number.NaN)
  if (kind === 'x') return Buffer.from(v as string, 'base64')
  if (kind === 'm') return new Map(unwrap(v, state) as [unknown, unknown][])
  if (kind === 's') return new Set(unwrap(v, state) as unknown[])
  throw new StrataError('INTERNAL', { message: 'A cached value was written by something else' })
}

function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  for (const item of Object.values(value)) freeze(item)
  return Object.freeze(value)
}
