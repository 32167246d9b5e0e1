// Transactions about sessions, and the locks that they take.
//
// What must be true, of everything that makes a session live, moves one, or writes a block: the users it is about are locked first, in the order
// of their addresses, and sessions after them. So nobody waits in a circle; and what a statement behind the locks reads of sessions
// and blocks of these wallets stays true until the transaction is over, because whoever would change it waits.

import type { Strata } from 'pgstrata'
import { liveSessionOf } from '../db/statements/sessions.ts'
import { lockUsers } from '../db/statements/session-life.ts'
import type { Statement } from '../db/statements/statement.ts'
import type { SessionRow } from './session.ts'

export type WorkOn = Pick<Strata, 'tx'>

/** Within a transaction. */
export interface Work {
  rows<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>
  one<Row extends object = SessionRow>(statement: Statement, values: readonly unknown[]): Promise<Row | undefined>
}

export async function inWork<T>(strata: WorkOn, body: (work: Work) => Promise<T>): Promise<T> {
  return await strata.tx(async (tx) => {
    const rows: Work['rows'] = async <Row extends object>({ text }: Statement, values: readonly unknown[]) =>
      (await tx.query<Row>({ text, values: [...values] })).rows
    return await body({
      rows,
      one: async <Row extends object>(statement: Statement, values: readonly unknown[]) =>
        (await rows<Row>(statement, values))[0],
    })
  })
}

/** Those that are there and may take part. */
export async function lockActive(work: Work, addresses: readonly string[]): Promise<ReadonlySet<string>> {
  const users = await work.rows<{ address: string; status: string }>(lockUsers, [addresses])
  return new Set(users.filter(({ status }) => status === 'active').map(({ address }) => address))
}

/** Of a wallet that is locked. */
export async function findLive(work: Work, address: string): Promise<SessionRow | undefined> {
  return await work.one(liveSessionOf, [address])
}
