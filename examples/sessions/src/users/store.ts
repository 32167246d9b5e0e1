// Profiles: read by those who have signed in, changed by whose they are.
//
// Promises: of two wallets one of which has blocked the other neither finds the other, by address or by search. A profile is kept for ten
// minutes: a block ends that before it is answered, a change of it when the feed tells of it. Who has changed it reads it as it is.

import { layers, type Query } from '../db/query.ts'
import { blocksBetween } from '../db/statements/blocks.ts'
import { changeProfile, usersByAddress } from '../db/statements/profiles.ts'
import { userByAddress, usersByName } from '../db/statements/users.ts'

export interface User {
  readonly address: string
  readonly display_name: string | null
  readonly bio: string | null
  readonly created_at: Date
  readonly last_seen_at: Date
  readonly status: 'active' | 'suspended' | 'banned'
}

export async function findUser(query: Query, address: string): Promise<User | undefined> {
  const { rows } = await query<User>(userByAddress.text, [address], layers.user(address))
  return rows[0]
}

/** Whichever of the two has blocked the other. */
export async function isBlockedBetween(query: Query, one: string, other: string): Promise<boolean> {
  if (one === other) return false
  const { rows } = await query(blocksBetween.text, [one, other], layers.pair(one, other))
  return rows.length > 0
}

export interface ProfileChange {
  /** null: none. */
  readonly display_name?: string | null
  readonly bio?: string | null
}

export async function updateProfile(query: Query, address: string, change: ProfileChange): Promise<User | undefined> {
  const { display_name, bio } = change
  const { rows } = await query<User>(changeProfile.text, [
    address,
    display_name !== undefined,
    display_name ?? null,
    bio !== undefined,
    bio ?? null,
  ])
  return rows[0]
}

export interface UserSearch {
  /** Who asks. */
  readonly for: string
  /** Of a name, or of an address where it begins with 0x. */
  readonly prefix: string
  readonly limit: number
}

export type FoundUser = Pick<User, 'address' | 'display_name' | 'last_seen_at'>

export async function searchUsers(query: Query, search: UserSearch): Promise<readonly FoundUser[]> {
  const { for: viewer, prefix, limit } = search
  const from = prefix.toLowerCase()
  // 'g' comes behind every digit.
  const { rows } = /^0x[\da-f]{0,40}$/.test(from)
    ? await query<User>(usersByAddress.text, [from, `${from}g`, viewer, limit])
    : await query<User>(usersByName.text, [prefix, viewer, limit])
  return rows.map(({ address, display_name, last_seen_at }) => ({ address, display_name, last_seen_at }))
}
