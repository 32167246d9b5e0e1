// A service that speaks as much of S3 as stores of archives and backups need: PUT, multipart uploads, GET, HEAD, LIST, DELETE, by the path.
// Signatures are not checked. It can be made to fail in the ways in which such services fail.

import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface S3Request {
  readonly method: string
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** undefined: it is answered as always. */
export type S3Fault = (request: S3Request) => S3Answer | undefined

export type S3Answer =
  | { readonly kind: 'error'; readonly status: number; readonly code: string }
  /** Says that it took it, and did not. */
  | { readonly kind: 'pretend' }
  /** And says afterwards that it has it. */
  | { readonly kind: 'lie' }
  /** Sends half of it, and hangs up. */
  | { readonly kind: 'cut' }
  /** Sends half of it, and no more. */
  | { readonly kind: 'stall' }
  /** Never answers. */
  | { readonly kind: 'silent' }
  /** Sends something else than it was given. */
  | { readonly kind: 'change'; readonly change: (bytes: Buffer) => Buffer }

export interface S3Server {
  readonly url: string
  readonly objects: Map<string, Buffer>
  /** What it says of objects that it has not, by their bytes. */
  readonly claimed: Map<string, number>
  readonly requests: S3Request[]
  /** Uploads that were begun, and neither completed nor given up. */
  readonly uploads: Map<string, Map<number, Buffer>>
  fault: S3Fault | undefined
  close(): Promise<void>
}

export interface S3Options {
  /** With a certificate, as text; otherwise it is plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

const pageSize = 3

export async function startS3Server({ tls }: S3Options = {}): Promise<S3Server> {
  const state: Mutable = { objects: new Map(), claimed: new Map(), requests: [], uploads: new Map(), fault: undefined }
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    answer(state, request, response).catch((error: unknown) => response.destroy(error as Error))
  }
  const http = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  return Object.assign(state, {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    close: async () => {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  })
}

interface Mutable {
  readonly objects: Map<string, Buffer>
  /** What it says of objects that it has not, by their bytes. */
  readonly claimed: Map<string, number>
  readonly requests: S3Request[]
  readonly uploads: Map<string, Map<number, Buffer>>
  fault: S3Fault | undefined
}

async function answer(state: Mutable, http: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(http.url ?? '/', 'http://s3')
  const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent)
  const request: S3Request = {
    method: http.method ?? 'GET',
    bucket,
    key: rest.join('/'),
    query: url.searchParams,
    headers: http.headers,
  }
  const body = await readBody(http)
  state.requests.push(request)
  const fault = state.fault?.(request)
  if (fault?.kind === 'silent') return
  if (fault?.kind === 'error') return sendError(response, fault.status, fault.code)
  const place = `${bucket}/${request.key}`
  if (request.query.has('uploads') || request.query.has('uploadId')) {
    return multipart(state, { request, place, body, isPretended: fault?.kind === 'pretend' }, response)
  }
  if (request.method === 'PUT') {
    if (fault?.kind === 'lie') state.claimed.set(place, body.length)
    else if (fault?.kind !== 'pretend') state.objects.set(place, body)
    response.setHeader('etag', etag(body))
    return send(response, 200)
  }
  if (request.method === 'DELETE') {
    state.objects.delete(place)
    return send(response, 204)
  }
  if (request.method === 'GET' && request.key === '') return list(state, request, response)
  if (request.method === 'POST' && request.query.has('delete')) {
    for (const [, key = ''] of body.toString().matchAll(/<Key>(.*?)<\/Key>/g)) state.objects.delete(`${bucket}/${key}`)
    return send(response, 200, '<DeleteResult></DeleteResult>')
  }
  const claimed = state.claimed.get(place)
  if (request.method === 'HEAD' && claimed !== undefined) {
    response.setHeader('content-length', claimed)
    return send(response, 200)
  }
  const found = state.objects.get(place)
  if (found === undefined) return sendError(response, 404, 'NoSuchKey')
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers['range']?.toString() ?? '') ?? []
  const asked = first === undefined ? found : found.subarray(Number(first), Number(last) + 1)
  const bytes = fault?.kind === 'change' ? fault.change(Buffer.from(asked)) : asked
  response.setHeader('content-length', bytes.length)
  response.setHeader('etag', etag(found))
  response.setHeader('last-modified', 'Thu, 01 Jan 2026 00:00:00 GMT')
  response.writeHead(first === undefined ? 200 : 206)
  if (fault?.kind === 'cut') {
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
    return
  }
  if (fault?.kind === 'stall') {
    response.write(bytes.subarray(0, bytes.length / 2))
    return
  }
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

interface Part {
  readonly request: S3Request
  readonly place: string
  readonly body: Buffer
  readonly isPretended: boolean
}

function multipart(state: Mutable, { request, place, body, isPretended }: Part, response: ServerResponse): void {
  const { method, query, bucket, key } = request
  if (query.has('uploads')) {
    const id = randomUUID()
    state.uploads.set(id, new Map())
    return send(
      response,
      200,
      `<InitiateMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${escape(key)}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    )
  }
  const id = query.get('uploadId') ?? ''
  const parts = state.uploads.get(id)
  if (parts === undefined) return sendError(response, 404, 'NoSuchUpload')
  if (method === 'PUT') {
    parts.set(Number(query.get('partNumber')), body)
    response.setHeader('etag', etag(body))
    return send(response, 200)
  }
  state.uploads.delete(id)
  if (method === 'DELETE') return send(response, 204)
  const whole = Buffer.concat([...parts].toSorted(([a], [b]) => a - b).map(([, bytes]) => bytes))
  if (!isPretended) state.objects.set(place, whole)
  return send(
    response,
    200,
    `<CompleteMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${escape(key)}</Key><ETag>${etag(whole)}</ETag></CompleteMultipartUploadResult>`,
  )
}

function list({ objects }: Mutable, { bucket, query }: S3Request, response: ServerResponse): void {
  const prefix = `${bucket}/${query.get('prefix') ?? ''}`
  const delimiter = query.get('delimiter') ?? ''
  /** Up to the delimiter behind the prefix, where there is one: what they have in common is told once. */
  const shownOf = (place: string): string => {
    const end = delimiter === '' ? -1 : place.indexOf(delimiter, prefix.length)
    return end < 0 ? place : place.slice(0, end + 1)
  }
  const keys = [...new Set([...objects.keys()].filter((place) => place.startsWith(prefix)).map(shownOf))].toSorted()
  const from = Number(query.get('continuation-token') ?? 0)
  const page = keys.slice(from, from + pageSize)
  const next = from + page.length
  const contents = page.map((place) => {
    const key = escape(place.slice(bucket.length + 1))
    const found = objects.get(place)
    return found === undefined
      ? `<CommonPrefixes><Prefix>${key}</Prefix></CommonPrefixes>`
      : `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>${found.length}</Size></Contents>`
  })
  const more = next < keys.length
  const token = more ? `<NextContinuationToken>${next}</NextContinuationToken>` : ''
  send(
    response,
    200,
    `<ListBucketResult><Name>${bucket}</Name><IsTruncated>${more}</IsTruncated>${token}${contents.join('')}</ListBucketResult>`,
  )
}

async function readBody(http: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of http as AsyncIterable<Buffer>) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  return http.headers['content-encoding']?.includes('aws-chunked') === true ? unchunk(body) : body
}

/** Each chunk: its length in hexadecimal digits, its signature, its bytes; what follows the empty one are checksums. */
function unchunk(body: Buffer): Buffer {
  const chunks: Buffer[] = []
  let at = 0
  for (;;) {
    const end = body.indexOf('\r\n', at)
    const length = Number.parseInt(body.subarray(at, end).toString('latin1'), 16)
    if (!(length > 0)) return Buffer.concat(chunks)
    chunks.push(body.subarray(end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
}

const etag = (bytes: Buffer): string => `"${createHash('md5').update(bytes).digest('hex')}"`
const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

function send(response: ServerResponse, status: number, xml?: string): void {
  response.writeHead(status, xml === undefined ? {} : { 'content-type': 'application/xml' })
  response.end(xml === undefined ? undefined : `<?xml version="1.0" encoding="UTF-8"?>${xml}`)
}

function sendError(response: ServerResponse, status: number, code: string): void {
  send(response, status, `<Error><Code>${code}</Code><Message>${code}</Message></Error>`)
}
