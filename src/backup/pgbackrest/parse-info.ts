// What `pgbackrest info --output=json` says → records. Pure.
// On failure: BACKUP_FAILED in pgBackRest's own words, where the repository cannot be read.

import { StrataError } from '../../base/errors.ts'
import type { BackupKind } from '../model/options.ts'
import type { BackupRecord } from '../model/record.ts'

/** The part of it that we use. */
interface Info {
  readonly name: string
  readonly backup?: readonly InfoBackup[]
  readonly status?: { readonly code: number; readonly message: string }
  readonly repo?: readonly { readonly status?: { readonly code: number; readonly message: string } }[]
}

interface InfoBackup {
  readonly label: string
  readonly type: string
  readonly error?: boolean
  readonly archive?: { readonly start: string | null; readonly stop: string | null }
  readonly info?: { readonly size?: number; readonly repository?: { readonly delta?: number; readonly size?: number } }
  readonly timestamp?: { readonly start: number; readonly stop: number }
}

const kinds: Readonly<Record<string, BackupKind>> = { full: 'full', diff: 'differential', incr: 'incremental' }

/** Those in which there simply is no backup yet: no stanza, none valid, no data of it. */
const empty: ReadonlySet<number> = new Set([1, 2, 3])

/** The oldest first. */
export function parseInfo(text: string, stanza: string): readonly BackupRecord[] {
  const all = parseJson(text)
  const found = all.find(({ name }) => name === stanza)
  if (found === undefined) return []
  const { code = 0, message = '' } = found.status ?? {}
  const wrong = found.repo?.find(({ status }) => (status?.code ?? 0) > 3)?.status
  if ((code !== 0 && !empty.has(code)) || wrong !== undefined) {
    throw new StrataError('BACKUP_FAILED', {
      message: `The repository cannot be read: ${wrong?.message ?? message}`,
      advice: 'See that `backup.repository` and `backup.encryption` are those it was made with.',
    })
  }
  return (found.backup ?? []).map(recordOf).toSorted((a, b) => a.endedAt.getTime() - b.endedAt.getTime())
}

function parseJson(text: string): readonly Info[] {
  try {
    return JSON.parse(text) as readonly Info[]
  } catch (cause) {
    throw new StrataError('BACKUP_FAILED', { message: 'pgbackrest info did not answer with JSON', cause })
  }
}

function recordOf({ label, type, error, archive, info, timestamp }: InfoBackup): BackupRecord {
  const { delta, size = 0 } = info?.repository ?? {}
  return {
    label,
    kind: kinds[type] ?? 'full',
    beganAt: new Date((timestamp?.start ?? 0) * 1_000),
    endedAt: new Date((timestamp?.stop ?? 0) * 1_000),
    bytes: info?.size ?? 0,
    storedBytes: delta ?? size,
    walFrom: archive?.start ?? '',
    walTo: archive?.stop ?? '',
    error: error === true ? 'pages with a wrong checksum were found while it was made' : null,
  }
}
