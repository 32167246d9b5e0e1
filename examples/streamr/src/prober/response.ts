// What nodes answer, checked by shape: the right fields of the right types, or one sentence that says what is wrong and names no
// value. Whether numbers can be true is for the rules in fraud/.

/** GET stats_url */
export interface NodeStats {
  readonly nodeId: string
  /** Of this answer: grows by each, from 1 at the start of the node. */
  readonly sequence: number
  /** When it was made, by the node's clock. */
  readonly timestampMs: number
  /** When the part of the node that carries the stream was last alive, which is another process than the one that answers. */
  readonly heartbeatMs: number
  readonly uptimeS: number
  readonly viewers: number
  /** Since its start. */
  readonly bytesSent: number
}

/** GET segment, beside stats_url. */
export interface SegmentAnswer {
  readonly nonce: string
  readonly digest: string
  readonly uptimeS: number
  /** Counted by the part of the node that serves segments. */
  readonly viewers: number
  readonly bytesSent: number
}

export type Parsed<T> = { readonly value: T } | { readonly problem: string }

type Fields = Readonly<Record<string, unknown>>

class Misshapen extends Error {}

export function parseStats(body: Buffer): Parsed<NodeStats> {
  return parse(body, (fields) => ({
    nodeId: text(fields, 'node_id'),
    sequence: number(fields, 'sequence'),
    timestampMs: moment(fields, 'timestamp'),
    heartbeatMs: moment(fields, 'heartbeat_at'),
    uptimeS: number(fields, 'uptime_s'),
    viewers: number(fields, 'viewers'),
    bytesSent: number(fields, 'bytes_sent'),
  }))
}

export function parseSegment(body: Buffer): Parsed<SegmentAnswer> {
  return parse(body, (fields) => ({
    nonce: text(fields, 'nonce'),
    digest: text(fields, 'digest'),
    uptimeS: number(fields, 'uptime_s'),
    viewers: number(fields, 'viewers'),
    bytesSent: number(fields, 'bytes_sent'),
  }))
}

function parse<T>(body: Buffer, read: (fields: Fields) => T): Parsed<T> {
  try {
    return { value: read(readFields(body)) }
  } catch (error) {
    if (error instanceof Misshapen) return { problem: error.message }
    throw error
  }
}

function readFields(body: Buffer): Fields {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    throw new Misshapen('the answer is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Misshapen('the answer is not an object')
  return value as Fields
}

function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string' || value.length === 0 || value.length > 200)
    throw new Misshapen(`${name}: expected a text of 1 to 200 characters`)
  return value
}

function number(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Misshapen(`${name}: expected a number`)
  return value
}

function moment(fields: Fields, name: string): number {
  const atMs = Date.parse(text(fields, name))
  if (Number.isNaN(atMs)) throw new Misshapen(`${name}: expected a time by ISO 8601`)
  return atMs
}
