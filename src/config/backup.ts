// `backup` of a configuration, as types and as a schema: what makes backups, where they are kept, when, and how it is proven that they
// can be restored. Neither the pass nor a key of the repository is in a message.

import { resolve as resolvePath } from 'node:path'
import { z } from 'zod'
import { formatDuration, parseDurationMs } from '../base/units.ts'
import type { BackupSettings, Repository, VerifySettings } from '../backup/index.ts'
import type { Rule } from '../watch/index.ts'
import type { AlertsConfig } from './alerts.ts'
import { cron, every, lengthOf, zone } from './jobs.ts'
import { checkNames, duration, identifier, type Duration } from './values.ts'

interface S3RepositoryConfig {
  readonly bucket: string
  readonly region: string
  readonly endpoint: string
  readonly prefix?: string | undefined
  readonly pathStyle?: boolean | undefined
  readonly caFile?: string | undefined
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

interface VerifyConfig {
  readonly every?: Duration | undefined
  readonly dir?: string | undefined
  readonly binaries?: string | undefined
  readonly alertAfter?: Duration | undefined
  readonly checks?: Readonly<Record<string, string>> | undefined
  readonly amcheck?: boolean | undefined
}

export interface BackupConfig {
  readonly provider?: 'pgbackrest' | undefined
  readonly stanza?: string | undefined
  readonly command?: string | undefined
  readonly config?: string | undefined
  readonly user?: string | undefined
  readonly repository: { readonly path: string } | { readonly s3: S3RepositoryConfig }
  readonly encryption?: { readonly pass: string } | undefined
  readonly schedule?:
    | {
        readonly full?: string | undefined
        readonly differential?: string | false | undefined
        readonly incremental?: string | undefined
        readonly zone?: string | undefined
      }
    | undefined
  readonly keep?: { readonly full?: number | undefined; readonly differential?: number | undefined } | undefined
  readonly processes?: number | undefined
  readonly verify?: false | VerifyConfig | undefined
}

/** As a line of pgBackRest's configuration can hold it. */
function line(least: number, what: string): z.ZodString {
  return z.string().check((context) => {
    const { value } = context
    if (value.length >= least && value.length <= 1_000 && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value))
      return
    const message = `expected ${what} of ${least} to 1,000 characters of ASCII`
    context.issues.push({ code: 'custom', message, input: '(not shown)', continue: true })
  })
}

const name = z.string().regex(/^[\w.-]{1,60}$/)
const path = z.string().min(1)
const plainLine = line(1, 'one line')

const s3 = z.strictObject({
  bucket: plainLine.describe('Its bucket.'),
  region: plainLine.describe('The region of it.'),
  endpoint: plainLine.describe(
    "Host of the service, perhaps with a port, reached by HTTPS: 's3.eu-central-1.amazonaws.com'.",
  ),
  prefix: plainLine.optional().describe("Folder in the bucket. Default: '/pgbackrest'."),
  pathStyle: z.boolean().optional().describe('The bucket stands in the path and not in the name of the host.'),
  caFile: path
    .optional()
    .describe("File with the authorities that the service's certificate is checked by. Default: the system's."),
  credentials: z
    .strictObject({
      accessKeyId: plainLine.describe('From the environment and not in the file.'),
      secretAccessKey: line(1, 'a key').describe('From the environment and not in the file.'),
    })
    .optional()
    .describe("A key. Default: that of the machine's role."),
})

const repository = z
  .strictObject({
    path: path.optional().describe('A folder: better on another disk, best on another machine.'),
    s3: s3.optional().describe('Or a bucket of S3, or what speaks like it.'),
  })
  .check(({ value, issues }) => {
    if ((value.path === undefined) !== (value.s3 === undefined)) return
    const got = value.path === undefined ? 'neither' : 'both'
    issues.push({ code: 'custom', message: `expected \`path\` or \`s3\`, got ${got}`, input: '', path: ['path'] })
  })

const dayMs = 86_400_000
const usualEveryMs = 7 * dayMs

const verifyKeys = z.strictObject({
  every: every.optional().describe("How often a backup is restored to be looked at. Default: '7 days'."),
  dir: path.optional().describe("Where: with room for the whole cluster. Default: '/var/tmp/pgstrata-verify'."),
  binaries: path
    .optional()
    .describe('Folder of the programs of the server. Default: of those that the primary runs by.'),
  alertAfter: duration
    .optional()
    .describe(
      "How old the newest verified restore may be before `doctor` and an alert say so: longer than `every`. Default: twice `every`, and at least '14 days'.",
    ),
  checks: z
    .record(z.string(), z.string().min(1).max(100_000))
    .check(checkNames((one) => /^[\w.-]{1,60}$/.test(one), 'a name of at most 60 letters, digits and _ . -'))
    .optional()
    .describe(
      "Questions by name that the restored database has to answer as the primary did: `{ plays: 'select count(*) from plays' }`.",
    ),
  amcheck: z
    .boolean()
    .optional()
    .describe('Whether pg_amcheck goes through the restored database, where it is installed. Default: true.'),
})

const verify = verifyKeys.check(({ value, issues }) => {
  const alertAfterMs = value.alertAfter === undefined ? undefined : lengthOf(value.alertAfter)
  const everyMs = value.every === undefined ? usualEveryMs : lengthOf(value.every)
  if (alertAfterMs === undefined || everyMs === undefined || alertAfterMs > everyMs) return
  const message = `expected longer than \`every\` (${formatDuration(everyMs)}), for it would be told between two that go well, got ${formatDuration(alertAfterMs)}`
  issues.push({ code: 'custom', message, input: value.alertAfter, path: ['alertAfter'], continue: true })
})

export const backupSchema: z.ZodType<BackupConfig> = z.strictObject({
  provider: z
    .literal('pgbackrest')
    .optional()
    .describe('Who makes them. Default, and for now the only one: pgBackRest.'),
  stanza: name.optional().describe("What the repository calls this cluster. Default: 'app'."),
  command: plainLine.optional().describe("The program. Default: 'pgbackrest'."),
  config: path
    .optional()
    .describe("Its configuration, which `pgstrata backup init` writes. Default: '/etc/pgbackrest/pgstrata.conf'."),
  user: identifier
    .optional()
    .describe("Role it connects by, over the server's socket. Default: that of the account which owns the data."),
  repository: (repository as unknown as z.ZodType<BackupConfig['repository']>).describe('Where backups are kept.'),
  encryption: z
    .strictObject({
      pass: line(16, 'a pass').describe(
        'From the environment and not in the file. Without it nothing can be restored: keep it elsewhere too.',
      ),
    })
    .optional()
    .describe('Encrypts what is kept (AES-256). It cannot be added to a repository later.'),
  schedule: z
    .strictObject({
      full: cron.optional().describe("Everything. Default: '0 3 * * 0'."),
      differential: z
        .union([z.literal(false), cron])
        .optional()
        .describe("What changed since the last full one, or `false`. Default: '0 3 * * 1-6'."),
      incremental: cron.optional().describe('What changed since the last of any kind. Default: never.'),
      zone: zone.optional().describe('Default: `jobs.zone`.'),
    })
    .optional()
    .describe('When they are made, as cron expressions.'),
  keep: z
    .strictObject({
      full: z
        .int()
        .min(1)
        .max(9_999)
        .optional()
        .describe('Full ones, with what needs them and the WAL since. Default: 2.'),
      differential: z
        .int()
        .min(1)
        .max(9_999)
        .optional()
        .describe('Differential ones. Default: as the full ones they need.'),
    })
    .optional()
    .describe('What is kept: the rest is removed after each backup.'),
  processes: z.int().min(1).max(99).optional().describe('That work on a backup at once. Default: 2.'),
  verify: z
    .union([z.literal(false), verify])
    .optional()
    .describe('A backup counts once it was restored to a moment and looked at. `false`: only by hand.'),
})

const usual = {
  stanza: 'app',
  command: 'pgbackrest',
  configFile: '/etc/pgbackrest/pgstrata.conf',
  dir: '/var/tmp/pgstrata-verify',
  full: '0 3 * * 0',
  differential: '0 3 * * 1-6',
  keepFull: 2,
  processes: 2,
  leastAlertAfterMs: 14 * dayMs,
  prefix: '/pgbackrest',
}

/** Where paths start from, and the zone of cron expressions that name none. */
interface Around {
  readonly root: string
  readonly zone: string
}

export function resolveBackup(
  written: BackupConfig | undefined,
  { root, zone: usualZone }: Around,
): BackupSettings | undefined {
  if (written === undefined) return undefined
  const { schedule = {}, keep = {} } = written
  const when = (expression: string | false | undefined): BackupSettings['schedule']['full'] =>
    typeof expression === 'string' ? { cron: expression, zone: schedule.zone ?? usualZone } : undefined
  return {
    provider: 'pgbackrest',
    stanza: written.stanza ?? usual.stanza,
    command: written.command ?? usual.command,
    configFile: resolvePath(root, written.config ?? usual.configFile),
    user: written.user,
    repository: resolveRepository(written.repository, root),
    pass: written.encryption?.pass,
    schedule: {
      full: when(schedule.full ?? usual.full),
      differential: when(schedule.differential ?? usual.differential),
      incremental: when(schedule.incremental),
    },
    keep: { full: keep.full ?? usual.keepFull, differential: keep.differential },
    processes: written.processes ?? usual.processes,
    verify: resolveVerify(written.verify, root),
  }
}

function resolveRepository(written: BackupConfig['repository'], root: string): Repository {
  if ('path' in written && written.path !== undefined) return { kind: 'folder', path: resolvePath(root, written.path) }
  const {
    bucket,
    region,
    endpoint,
    prefix = usual.prefix,
    pathStyle = false,
    caFile: ca,
    credentials,
  } = (written as { readonly s3: S3RepositoryConfig }).s3
  const folder = prefix.startsWith('/') ? prefix : `/${prefix}`
  const caFile = ca === undefined ? undefined : resolvePath(root, ca)
  return { kind: 's3', bucket, region, endpoint, prefix: folder, pathStyle, caFile, credentials }
}

function resolveVerify(written: BackupConfig['verify'], root: string): VerifySettings {
  const isOff = written === false
  const { every: often, dir, binaries, alertAfter, checks = {}, amcheck = true } = isOff ? {} : (written ?? {})
  const everyMs = often === undefined ? usualEveryMs : parseDurationMs(often)
  const alertAfterMs =
    alertAfter === undefined ? Math.max(2 * everyMs, usual.leastAlertAfterMs) : parseDurationMs(alertAfter)
  return {
    everyMs: isOff ? undefined : everyMs,
    dir: resolvePath(root, dir ?? usual.dir),
    binaries: binaries === undefined ? undefined : resolvePath(root, binaries),
    alertAfterMs: isOff ? undefined : alertAfterMs,
    checks: Object.entries(checks).map(([question, sql]) => ({ name: question, sql })),
    amcheck,
  }
}

/** The alert about verified restores follows `alertAfter`, unless its own bound is written; with `verify: false` there is none. */
export function followAlertAfter(
  rules: readonly Rule[],
  { alerts, backup }: { readonly alerts: AlertsConfig | undefined; readonly backup: BackupSettings | undefined },
): readonly Rule[] {
  const written = alerts?.rules?.[unverifiedRule]
  if (backup === undefined || (written !== undefined && written !== false && written.over !== undefined)) return rules
  const { alertAfterMs } = backup.verify
  if (alertAfterMs === undefined) return rules.filter(({ name: rule }) => rule !== unverifiedRule)
  const over = alertAfterMs / 1_000
  return rules.map((rule) => (rule.name === unverifiedRule ? { ...rule, over, clear: over * 0.9 } : rule))
}

const unverifiedRule = 'BackupUnverified'
