// `archive` of a configuration, as types and as a schema: the store of partitions that went cold.

import { resolve as resolvePath } from 'node:path'
import { z } from 'zod'
import { parseDurationMs, parseSizeBytes } from '../base/units.ts'
import type { ArchiveSettings } from '../tiers/index.ts'
import { duration, sizeFrom, span, type Duration } from './values.ts'

export interface ArchiveConfig {
  readonly to: string
  readonly s3?:
    | {
        readonly region?: string | undefined
        readonly endpoint?: string | undefined
        readonly pathStyle?: boolean | undefined
        readonly storageClass?: string | undefined
        readonly encryption?: 'AES256' | { readonly kms: string } | undefined
        readonly partSize?: string | undefined
        readonly tries?: number | undefined
        readonly timeout?: Duration | undefined
        readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
      }
    | undefined
  readonly work?: string | undefined
  readonly cache?: { readonly dir?: string | undefined; readonly size?: string | undefined } | undefined
  readonly memory?: string | undefined
  readonly threads?: number | undefined
  readonly verify?: false | { readonly every?: Duration | undefined; readonly share?: number | undefined } | undefined
  readonly retain?: string | undefined
}

/** The least that S3 takes as a part of a larger object. */
const leastPartBytes = 5 * 1_024 ** 2
const mostPartBytes = 1_024 ** 3

/** Where files are: `s3://…`, `file:///…`, or a path. */
export const storePlace: z.ZodString = z
  .string()
  .min(1)
  .check((context) => {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(context.value)?.[1]?.toLowerCase()
    const isBucket = scheme === 's3' && /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[^?#]*)?$/.test(context.value)
    const isFolder = scheme === undefined || (scheme === 'file' && context.value.startsWith('file:///'))
    if (isBucket || isFolder) return
    const message = "expected 's3://bucket/prefix', 'file:///folder' or the path of a folder"
    context.issues.push({ code: 'custom', message, input: '(a URL, not shown)', continue: true })
  })

const s3 = z.strictObject({
  region: z.string().min(1).optional().describe("Default: 'us-east-1'."),
  endpoint: z
    .string()
    .check((context) => {
      if (URL.canParse(context.value) && /^https?:$/.test(new URL(context.value).protocol)) return
      const message = 'expected https://host, or http://host:port'
      context.issues.push({ code: 'custom', message, input: '(a URL, not shown)', continue: true })
    })
    .optional()
    .describe('Of another service that speaks the protocol of S3. Default: that of AWS.'),
  pathStyle: z.boolean().optional().describe('The bucket stands in the path and not in the host. Default: false.'),
  storageClass: z
    .string()
    .regex(/^[A-Z_]+$/)
    .optional()
    .describe("'STANDARD_IA', … Default: that of the bucket."),
  encryption: z
    .union([z.literal('AES256'), z.strictObject({ kms: z.string().min(1).describe('The key.') })])
    .optional()
    .describe("At the service: 'AES256', or `{ kms: 'key-id' }`. Default: that of the bucket."),
  partSize: sizeFrom(leastPartBytes, mostPartBytes, "'5MB' to '1GB'")
    .optional()
    .describe("Files are sent in parts of that size. Default: '16MB'."),
  tries: z.int().min(1).max(20).optional().describe('Of each request. Default: 5.'),
  timeout: duration.optional().describe('Of each request. Default: 60s.'),
  credentials: z
    .strictObject({
      accessKeyId: z.string().min(1).describe('From the environment, and not in the file.'),
      secretAccessKey: z.string().min(1).describe('The same.'),
    })
    .optional()
    .describe('Default: what the environment, a profile or the role of the machine gives.'),
})

export const archiveSchema: z.ZodType<ArchiveConfig> = z.strictObject({
  to: storePlace.describe("Where archives are: 's3://bucket/prefix', or a folder, relative to the configuration."),
  s3: s3.optional().describe('How the bucket is reached.'),
  work: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Folder of files on their way, with room for three times the largest partition, as it is unpacked. Default: './.pgstrata/archive'.",
    ),
  cache: z
    .strictObject({
      dir: z.string().min(1).optional().describe("Default: './.pgstrata/cache'."),
      size: sizeFrom(0, Number.MAX_SAFE_INTEGER, 'a size').optional().describe("Default: '10GB'."),
    })
    .optional()
    .describe('Files that were fetched to be asked, kept near.'),
  memory: sizeFrom(64 * 1_024 ** 2, Number.MAX_SAFE_INTEGER, "at least '64MB'")
    .optional()
    .describe("What writing and reading files may take. Default: '1GB'."),
  threads: z.int().min(1).max(256).optional().describe('The same. Default: 2.'),
  verify: z
    .union([
      z.literal(false),
      z.strictObject({
        every: duration.optional().describe("How often. Default: '7 days'."),
        share: z.number().gt(0).max(1).optional().describe('Which share of all files each time. Default: 0.1.'),
      }),
    ])
    .optional()
    .describe(
      'Files are read back from the store and compared, those that were not for longest first. `false`: only by hand.',
    ),
  retain: span
    .optional()
    .describe("How long archives are kept, from the end of what they hold: '7 years'. Default: for ever."),
})

const defaultWork = './.pgstrata/archive'
const defaultCache = './.pgstrata/cache'
const defaultPartBytes = 16 * 1_024 ** 2

export function resolveArchive(archive: ArchiveConfig | undefined, root: string): ArchiveSettings | undefined {
  if (archive === undefined) return undefined
  const { s3: bucket = {}, cache = {}, verify = {} } = archive
  return {
    store: {
      to: resolveStore(archive.to, root),
      s3: {
        region: bucket.region,
        endpoint: bucket.endpoint,
        pathStyle: bucket.pathStyle ?? false,
        storageClass: bucket.storageClass,
        encryption: bucket.encryption,
        partSizeBytes: bucket.partSize === undefined ? defaultPartBytes : parseSizeBytes(bucket.partSize),
        tries: bucket.tries ?? 5,
        timeoutMs: parseDurationMs(bucket.timeout ?? '60s'),
        credentials: bucket.credentials,
      },
    },
    workDir: resolvePath(root, archive.work ?? defaultWork),
    cache: { dir: resolvePath(root, cache.dir ?? defaultCache), sizeBytes: parseSizeBytes(cache.size ?? '10GB') },
    duck: { memory: memoryText(archive.memory ?? '1GB'), threads: archive.threads ?? 2 },
    verify:
      verify === false ? undefined : { everyMs: parseDurationMs(verify.every ?? '7 days'), share: verify.share ?? 0.1 },
    retain: archive.retain,
  }
}

/** A folder starts from the configuration; what has a scheme stays as it is. */
export function resolveStore(to: string, root: string): string {
  return to.includes('://') ? to : resolvePath(root, to)
}

/** DuckDB's own 'GB' are thousands. */
function memoryText(written: string): string {
  return `${Math.ceil(parseSizeBytes(written) / 1_024)}KiB`
}
