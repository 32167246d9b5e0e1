// A database of sessions with a life behind it: wallets, ninety days of sessions, what was reported and blocked, what wallets hold, and what
// their clients told.
//
// Promises: the same seed, scale and moment give the same rows. A database that has users is left as it is, unless the caller says that it may
// be emptied. All rollups that are there are current at the end. Where it is stopped in between, what is there stays, and the next call has
// to say `reset`.

import { KitError, silent, stopIfAsked, type MakeBar } from 'pgstrata-example-kit'
import { sql, type Strata } from 'pgstrata'
import { fill, type Filled } from './fill.ts'
import { createMeetings } from './meetings.ts'
import { createPeople, type NamedWallet } from './people.ts'
import { sizesOf, type Sizes } from './sizes.ts'

export interface GenerateOptions {
  /** 1 is the full size: 60,000 wallets, 200,000 sessions, half a million events. */
  readonly scale?: number
  readonly seed?: number
  /** The end of the ninety days. Default: now. */
  readonly now?: Date
  /** What becomes of users that are there. Default: `refuse`. */
  readonly existing?: 'refuse' | 'reset'
  readonly sizes?: Partial<Sizes>
  /** Wallets that are there besides. The first one works through reports. */
  readonly named?: readonly NamedWallet[]
  /** Makes the bar of a part of the work. Default: none is shown. */
  readonly progress?: MakeBar
  /** Stops it between two parts of the work; what is in by then stays. */
  readonly signal?: AbortSignal
}

/** What is used of a Strata: of one whose database has no rollups, too. */
type Target = Pick<Strata, 'copyIn' | 'db'> & { readonly rollup: Pick<Strata['rollup'], 'status' | 'merge'> }

/** Who works through reports, besides the first of the named ones. */
const moderators = 5

export async function generate(strata: Target, options: GenerateOptions = {}): Promise<Filled> {
  const { scale = 1, seed = 1, now = new Date(), existing = 'refuse', named = [], progress = () => silent } = options
  const { signal } = options
  const sizes = sizesOf(scale, options.sizes)
  await makeRoom(strata, existing)
  const people = createPeople({ sizes, seed, now, named })
  const { meetings, blocks } = createMeetings({ people, sizes, seed, now })
  const addresses = new Set(named.slice(0, 1).map(({ address }) => address))
  const working = people
    .filter(({ status }, index) => status === 'active' && index < 2 * moderators)
    .slice(0, moderators)
  const goOn = (): void => stopIfAsked(signal)
  const filled = await fill(
    { on: strata, progress, goOn },
    {
      people,
      moderators: [...people.filter(({ address }) => addresses.has(address)), ...working],
      meetings,
      blocks,
      sizes,
      seed,
      now,
    },
  )
  await strata.db.query(sql`
    select setval(pg_get_serial_sequence('sessions', 'session_id'), greatest(1, (select max(session_id) from sessions)))`)
  await mergeAll(strata)
  // Not by the pool, which gives a statement few seconds.
  await strata.db.query(sql`analyze users, sessions, reports, blocks, nonces, balances, telemetry_events`)
  return filled
}

async function mergeAll({ rollup }: Target): Promise<void> {
  for (const { name, state } of await rollup.status()) if (state === 'live') await rollup.merge(name)
}

/** Leaves the tables empty. */
async function makeRoom(strata: Target, existing: 'refuse' | 'reset'): Promise<void> {
  if (existing === 'reset') {
    await strata.db.query(sql`
      truncate users, sessions, reports, blocks, nonces, balances, telemetry_events
      restart identity`)
    return
  }
  const { rows } = await strata.db.query(sql`select from users limit 1`)
  if (rows.length > 0)
    throw new KitError(
      'Expected a database without users, found some: say "reset" (--reset) to empty it and begin anew',
    )
}
