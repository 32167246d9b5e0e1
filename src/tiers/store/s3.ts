// A store that is a bucket of S3 or of what speaks its protocol.
// Promises: parts of a bounded size, tries of a bounded number, each within its timeout; an upload that failed leaves no parts
// behind. What the service says when it refuses is told, what it was asked with is not.

import type { Readable } from 'node:stream'
import { createReadStream } from 'node:fs'
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { checkpoint } from '../../base/clock.ts'
import { loadOptional } from '../../base/load-optional.ts'
import { messageOf, StrataError } from '../../base/errors.ts'
import { saveStream } from './checksums.ts'
import {
  checkKey,
  checkSize,
  interruptedBy,
  isAbort,
  storeError,
  type Store,
  type StoredFile,
  type StoreErrorCode,
} from './store.ts'

export interface S3Options {
  readonly region: string | undefined
  readonly endpoint: string | undefined
  readonly pathStyle: boolean
  readonly storageClass: string | undefined
  readonly encryption: 'AES256' | { readonly kms: string } | undefined
  readonly partSizeBytes: number
  readonly tries: number
  readonly timeoutMs: number
  /** undefined: those of the environment, as the SDK finds them. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

export interface Bucket {
  readonly bucket: string
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string
}

const deniedNames: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AllAccessDisabled',
  'AccountProblem',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'CredentialsProviderError',
])
const fullNames: ReadonlySet<string> = new Set([
  'QuotaExceeded',
  'InsufficientStorage',
  'XMinioStorageFull',
  'EntityTooLarge',
])
const lostNames: ReadonlySet<string> = new Set(['NoSuchKey', 'NotFound', 'NoSuchBucket', 'NoSuchUpload'])

const install = { name: '@aws-sdk/client-s3', command: 'npm install @aws-sdk/client-s3 @aws-sdk/lib-storage' }

interface Opened {
  readonly sdk: typeof import('@aws-sdk/client-s3')
  readonly lib: typeof import('@aws-sdk/lib-storage')
  readonly client: S3Client
}

async function load(options: S3Options): Promise<Opened> {
  const sdk = await loadOptional(install, () => import('@aws-sdk/client-s3'))
  const lib = await loadOptional(install, () => import('@aws-sdk/lib-storage'))
  return { sdk, lib, client: new sdk.S3Client(clientOptions(options)) }
}

export function openS3({ bucket, prefix }: Bucket, options: S3Options): Store {
  let loading: Promise<Opened> | undefined
  const opened = async (): Promise<Opened> => {
    loading ??= load(options)
    try {
      return await loading
    } catch (error) {
      // What was missing may be installed meanwhile.
      loading = undefined
      throw error
    }
  }
  const url = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`
  const place = (key: string): { Bucket: string; Key: string } => {
    checkKey(url, key)
    return { Bucket: bucket, Key: prefix === '' ? key : `${prefix}/${key}` }
  }
  const tell = async <T>(key: string, work: (tools: Opened) => Promise<T>): Promise<T> => {
    const tools = await opened()
    try {
      return await work(tools)
    } catch (error) {
      throw translate(error, url, key)
    }
  }
  const head = async ({ client, sdk }: Opened, key: string): Promise<{ readonly bytes: number } | undefined> => {
    try {
      const { ContentLength: bytes = 0 } = await client.send(new sdk.HeadObjectCommand(place(key)))
      return { bytes }
    } catch (error) {
      if (codeOf(error) === 'ARCHIVE_LOST') return undefined
      throw error
    }
  }
  return {
    url,
    put: (key, path, facts, signal) =>
      tell(key, async (tools) => {
        checkpoint(signal)
        const { client, lib } = tools
        const { partSizeBytes: partSize } = options
        const params = { ...place(key), ...objectOptions(options), Body: createReadStream(path) }
        const upload = new lib.Upload({ client, params, partSize, queueSize: 2, leavePartsOnError: false })
        await whileWanted(signal, { work: upload.done(), abort: () => void upload.abort().catch(() => undefined) })
        checkSize(await head(tools, key), { url, key, bytes: facts.bytes })
      }),
    get: (key, path, signal) =>
      tell(key, async ({ client, sdk }) => {
        const abort = signal === undefined ? {} : { abortSignal: signal }
        const { Body: body } = await client.send(new sdk.GetObjectCommand(place(key)), abort)
        if (body === undefined) throw storeError('ARCHIVE_LOST', { url, key, reason: 'the store sent nothing' })
        return await saveStream(body as Readable, path, signal)
      }),
    head: (key) => tell(key, (tools) => head(tools, key)),
    list: (within) => listObjects({ opened, bucket, prefix, within, tell: (error) => translate(error, url, within) }),
    remove: (key) =>
      tell(key, async ({ client, sdk }) => void (await client.send(new sdk.DeleteObjectCommand(place(key))))),
    close: () => void loading?.then(({ client }) => client.destroy()).catch(() => undefined),
  }
}

function clientOptions(options: S3Options): S3ClientConfig {
  const { region, endpoint, pathStyle, tries, timeoutMs, credentials } = options
  return {
    region: region ?? 'us-east-1',
    forcePathStyle: pathStyle,
    maxAttempts: tries,
    // Bytes are checked by our own sha256 on the way back; not every service knows the trailing checksums of the SDK.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      requestTimeout: timeoutMs,
      // Of what comes behind the headers, too: the other one ends with them.
      socketTimeout: timeoutMs,
      connectionTimeout: Math.min(timeoutMs, 10_000),
      throwOnRequestTimeout: true,
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
  }
}

function objectOptions({ storageClass, encryption }: S3Options): Record<string, string> {
  return {
    ...(storageClass === undefined ? {} : { StorageClass: storageClass }),
    ...(encryption === undefined
      ? {}
      : encryption === 'AES256'
        ? { ServerSideEncryption: 'AES256' }
        : { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: encryption.kms }),
  }
}

async function whileWanted<T>(
  signal: AbortSignal | undefined,
  { work, abort }: { readonly work: Promise<T>; readonly abort: () => void },
): Promise<T> {
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await work
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

interface Listing extends Bucket {
  readonly opened: () => Promise<Opened>
  readonly within: string
  readonly tell: (error: unknown) => Error
}

async function* listObjects({ opened, bucket, prefix, within, tell }: Listing): AsyncGenerator<StoredFile> {
  const { client, sdk } = await opened()
  const root = prefix === '' ? '' : `${prefix}/`
  let token: string | undefined
  do {
    const more = token === undefined ? {} : { ContinuationToken: token }
    const command = new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: root + within, ...more })
    const page = await client.send(command).catch((error: unknown) => {
      throw tell(error)
    })
    for (const { Key: key, Size: bytes } of page.Contents ?? []) {
      if (key !== undefined) yield { key: key.slice(root.length), bytes: bytes ?? 0 }
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}

interface ServiceError {
  readonly name?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

function codeOf(error: unknown): StoreErrorCode {
  const { name = '', $metadata: { httpStatusCode: status } = {} } = (error ?? {}) as ServiceError
  if (fullNames.has(name) || status === 507) return 'ARCHIVE_FULL'
  if (deniedNames.has(name) || status === 401 || status === 403) return 'ARCHIVE_DENIED'
  if (lostNames.has(name) || status === 404) return 'ARCHIVE_LOST'
  return 'ARCHIVE_UNREACHABLE'
}

function translate(error: unknown, url: string, key: string): Error {
  if (error instanceof StrataError) return error
  if (isAbort(error)) return interruptedBy(error)
  const { name = '', $metadata: { httpStatusCode: status } = {} } = (error ?? {}) as ServiceError
  const said = [name, status === undefined ? '' : `status ${status}`, messageOf(error)].filter((part) => part !== '')
  return storeError(codeOf(error), { url, key, reason: said.join(', '), cause: error })
}
