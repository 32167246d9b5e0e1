// Sessions in a state that a test wants, what wallets do about them, and what must be true of all sessions at any time.

import { expect } from 'vitest'
import { sql, type Db, type Sql } from 'pgstrata'
import { transitions, type State } from '../../../examples/sessions/src/sessions/states.ts'
import { askAs, waitForBlocked, whileLocked, type SignedIn } from './people.ts'
import type { Answer } from './service-support.ts'

export interface SessionAnswer {
  readonly session_id: string
  readonly a_addr: string
  readonly b_addr: string | null
  readonly status: State
  readonly ended_by: string | null
}

export const sessionOf = (answer: Answer | undefined): SessionAnswer => answer?.body['session'] as SessionAnswer

export const match = (as: SignedIn): Promise<Answer> => askAs(as, '/sessions/match', { method: 'POST' })
export const invite = (as: SignedIn, to: { readonly address: string }): Promise<Answer> =>
  askAs(as, '/sessions', { body: { invite: to.address } })
export const act = (as: SignedIn, id: string, action: string): Promise<Answer> =>
  askAs(as, `/sessions/${id}/${action}`, { method: 'POST' })
export const block = (as: SignedIn, of: { readonly address: string }): Promise<Answer> =>
  askAs(as, `/blocks/${of.address}`, { method: 'PUT', body: {} })
export const unblock = (as: SignedIn, of: { readonly address: string }): Promise<Answer> =>
  askAs(as, `/blocks/${of.address}`, { method: 'DELETE' })

export interface Placed {
  readonly a: string
  readonly b: string
  readonly status: State
}

/** Past the service. Long ago, so that the two may meet again. */
export async function putSession(db: Db, { a, b, status }: Placed): Promise<string> {
  const isOver = !['waiting', 'invited', 'active'].includes(status)
  const hasBegun = status === 'active' || status === 'ended'
  const { rows } = await db.query<{ session_id: string }>(sql`
    insert into sessions (a_addr, b_addr, status, created_at, started_at, ended_at, expires_at)
    select ${a}, ${status === 'waiting' ? null : b}, ${status}, now() - interval '2 hours',
      case when ${hasBegun}::boolean then now() - interval '2 hours' end,
      case when ${isOver}::boolean then now() - interval '1 hour' end,
      now() + interval '1 hour'
    returning session_id::text`)
  return rows[0]?.session_id ?? ''
}

export async function stateOf(db: Db, id: string): Promise<State | undefined> {
  const { rows } = await db.query<{ status: State }>(sql`select status from sessions where session_id = ${id}::bigint`)
  return rows[0]?.status
}

/** Nobody is in a session, has blocked anybody, or has met anybody. */
export async function clear(db: Db): Promise<void> {
  await db.query(sql`delete from sessions`)
  await db.query(sql`delete from blocks`)
}

/** From now on each change of a session's state is noted; how those begin that a test puts there is not. */
export async function watchStates(db: Db): Promise<void> {
  for (const text of [
    sql`create table seen_states (before text, after text)`,
    sql`
      create function note_state() returns trigger language plpgsql as $$
      begin
        if tg_op = 'UPDATE' then
          insert into seen_states select old.status, new.status where old.status <> new.status;
        elsif new.created_at > now() - interval '1 hour' then
          insert into seen_states values (null, new.status);
        end if;
        return null;
      end
      $$`,
    sql`create trigger note_state after insert or update on sessions for each row execute function note_state()`,
  ])
    await db.query(text)
}

const legal: ReadonlySet<string> = new Set([
  'nothing waiting',
  'nothing invited',
  ...Object.entries(transitions).flatMap(([before, events]) =>
    Object.values(events).flatMap((answers) =>
      Object.values(answers).flatMap((outcome) => ('next' in outcome ? [`${before} ${outcome.next}`] : [])),
    ),
  ),
])

/** A wallet is in one session at most, waits or is in it; nothing is between two of whom one has blocked the other; states came by the table. */
export async function expectInvariants(db: Db): Promise<void> {
  const { rows: twice } = await db.query(sql`
    select wallet, count(*)::int
    from (
      select a_addr as wallet from sessions where status in ('waiting', 'active')
      union all
      select b_addr from sessions where status = 'active'
    ) as live
    group by wallet
    having count(*) > 1`)
  expect(twice).toEqual([])
  const { rows: between } = await db.query(sql`
    select session_id, status
    from sessions
    join blocks on (blocker, blocked) in ((a_addr, b_addr), (b_addr, a_addr))
    where status in ('invited', 'active')`)
  expect(between).toEqual([])
  const { rows: seen } = await db.query<{ before: string | null; after: string }>(sql`
    select distinct before, after
    from seen_states`)
  const illegal = seen.filter(({ before, after }) => !legal.has(`${before ?? 'nothing'} ${after}`))
  expect(illegal).toEqual([])
}

export const usersOf = (...locked: readonly SignedIn[]): Sql =>
  sql`select from users where address = any (${locked.map(({ address }) => address)}) for update`
export const rowOf = (id: string): Sql => sql`select from sessions where session_id = ${id}::bigint for update`

export const statuses = (answers: readonly Answer[]): readonly number[] => answers.map(({ status }) => status)

/** Each is sent when those before wait for what `lock` takes, which is held until all of them do. */
export async function inOrder(db: Db, lock: Sql, asks: readonly (() => Promise<Answer>)[]): Promise<readonly Answer[]> {
  const asked: Promise<Answer>[] = []
  await whileLocked(db, lock, async () => {
    for (const ask of asks) {
      asked.push(ask())
      await waitForBlocked(db, asked.length)
    }
  })
  const answers = await Promise.all(asked)
  await expectInvariants(db)
  return answers
}

export interface PlacedRow {
  readonly session_id: string
  readonly a_addr: string
  readonly b_addr: string | null
}

export async function sessionsIn(db: Db, status: State): Promise<readonly PlacedRow[]> {
  const { rows } = await db.query<PlacedRow>(
    sql`select session_id::text, a_addr, b_addr from sessions where status = ${status} order by session_id`,
  )
  return rows
}
