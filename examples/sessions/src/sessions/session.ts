// A session as it is stored, and as its two wallets see it: nothing of what was reported of it.

import type { Party, State } from './states.ts'

export interface SessionRow {
  readonly session_id: string
  readonly a_addr: string
  readonly b_addr: string | null
  readonly status: State
  readonly created_at: Date
  readonly started_at: Date | null
  readonly ended_at: Date | null
  readonly ended_by: string | null
  readonly expires_at: Date | null
}

/** undefined: it is somebody else's. */
export function partyOf(
  { a_addr, b_addr }: Pick<SessionRow, 'a_addr' | 'b_addr'>,
  address: string,
): Exclude<Party, 'service'> | undefined {
  if (address === a_addr) return 'a'
  return address === b_addr ? 'b' : undefined
}
