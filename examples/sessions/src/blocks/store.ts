// A wallet blocks another one, or ends that.
//
// Promises: when a block is answered, what the two had to do with each other is over, and nothing begins between them until it is taken back:
// who is about to match or to invite one of them has locked the user who blocks, so the block waits for that and ends it, or comes first and
// is seen. What was kept of the two is gone then, too. Whether the other one is there makes no difference that can be seen.

import type { Strata } from 'pgstrata'
import { defineCursor } from 'pgstrata-example-kit'
import { addBlock, blockOf, openBetween, removeBlock } from '../db/statements/blocking.ts'
import { blocksBy } from '../db/statements/blocks.ts'
import { forget, layers, type Query } from '../db/query.ts'
import { lockUsers, moveSession } from '../db/statements/session-life.ts'
import { firstPage } from '../db/statements/statement.ts'
import { partyOf, type SessionRow } from '../sessions/session.ts'
import { transitions } from '../sessions/states.ts'
import { inWork, type Work } from '../sessions/work.ts'

export interface Block {
  /** Who is blocked. */
  readonly blocked: string
  readonly created_at: Date
  readonly reason: string | null
}

export interface Blocking {
  readonly by: string
  readonly of: string
  /** Default: none, or what was said before. */
  readonly reason?: string | undefined
}

export type Blocked = { readonly block: Block } | { readonly refused: 'oneself' }

export async function block(strata: Pick<Strata, 'tx' | 'cache'>, { by, of, reason }: Blocking): Promise<Blocked> {
  if (by === of) return { refused: 'oneself' }
  const blocked = await inWork(strata, async (work): Promise<Blocked> => {
    await work.rows(lockUsers, [[by, of]])
    const made = await work.one<Block>(addBlock, [by, of, reason ?? null])
    if (made === undefined) throw new Error('Expected the block that was made, got none')
    for (const session of await work.rows<SessionRow>(openBetween, [by, of])) await endFor(work, session, by)
    return { block: made }
  })
  await forget(strata, layers.pair(by, of))
  return blocked
}

async function endFor(work: Work, session: SessionRow, by: string): Promise<void> {
  const outcome = transitions[session.status].block[partyOf(session, by) ?? 'service']
  if ('refused' in outcome) throw new Error(`Expected a session that a block ends, got one that is ${session.status}`)
  await work.rows(moveSession, [session.session_id, outcome.next, by])
}

export interface UnblockOn extends Pick<Strata, 'cache'> {
  readonly query: Query
}

/** false: there was none. */
export async function unblock({ query, cache }: UnblockOn, { by, of }: Pick<Blocking, 'by' | 'of'>): Promise<boolean> {
  const { rows } = await query(removeBlock.text, [by, of])
  if (rows.length > 0) await forget({ cache }, layers.pair(by, of))
  return rows.length > 0
}

export async function findBlock(query: Query, { by, of }: Pick<Blocking, 'by' | 'of'>): Promise<Block | undefined> {
  return (await query<Block>(blockOf.text, [by, of])).rows[0]
}

const positions = defineCursor({ at: 'time', blocked: 'text' })

export interface BlockList {
  readonly by: string
  readonly cursor: string | undefined
  readonly limit: number
}

/** The newest first. */
export async function listBlocks(
  query: Query,
  { by, cursor, limit }: BlockList,
): Promise<{ readonly blocks: readonly Block[]; readonly next: string | null }> {
  const { at, blocked } = positions.parse(cursor) ?? { at: firstPage.at, blocked: firstPage.address }
  const { rows } = await query<Block & { readonly position_at: string }>(positioned, [by, at, blocked, limit + 1])
  const shown = rows.slice(0, limit)
  const last = rows.length > limit ? shown.at(-1) : undefined
  return {
    blocks: shown.map(({ blocked: of, created_at, reason }) => ({ blocked: of, created_at, reason })),
    next: last === undefined ? null : positions.format({ at: last.position_at, blocked: last.blocked }),
  }
}

/** A Date has no microseconds, and would skip blocks of one millisecond, or repeat them. */
const positioned = `
    select page.*, to_char(page.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position_at
    from (${blocksBy.text}
    ) as page
    order by page.created_at desc, page.blocked desc`
