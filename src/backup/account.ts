// Whose a folder or a file is, and whether this process may act for that account: as root for any, otherwise for its own alone.

import { readFile, stat } from 'node:fs/promises'
import { messageOf, StrataError } from '../base/errors.ts'
import { ownUid, type RunUser } from '../embedded/host.ts'

/** Undefined: it is ours, or this system knows no accounts. */
export async function accountOf(path: string): Promise<RunUser | undefined> {
  const own = ownUid()
  if (own === undefined) return undefined
  const { uid, gid } = await stat(path).catch((error: unknown) => {
    throw new StrataError('BACKUP_FAILED', {
      message: `${path} cannot be looked at from here (${messageOf(error)})`,
      advice: 'Backups are made on the machine of the server: run this there, as root or as the account of the server.',
      cause: error,
    })
  })
  if (uid === own) return undefined
  const name = await nameOfUid(uid)
  if (own === 0) return { name, uid, gid }
  throw new StrataError('BACKUP_FAILED', {
    message: `${path} belongs to account "${name}", and this process is another one's`,
    advice: `Run this as ${name} or as root.`,
  })
}

async function nameOfUid(uid: number): Promise<string> {
  const accounts = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'))
  return accounts.find(([, , id]) => id === String(uid))?.[0] ?? String(uid)
}
