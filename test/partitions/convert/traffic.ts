// Clients of a table while it is converted: writers who know what the table must hold of theirs, and readers who know what
// they must always find. Every error a client sees is kept, and is a failure of the conversion.

import { seededRandom, type Random } from '../../../src/base/random.ts'
import { messageOf } from '../../../src/base/errors.ts'
import { onlyRow, type Db, type Session } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql, type Sql } from '../../../src/sql/sql.ts'

export interface Traffic {
  /** Statements acknowledged so far. */
  done(): number
  stop(): Promise<Acknowledged>
}

export interface Acknowledged {
  readonly errors: readonly string[]
  /** What every writer was told is there: id → [days, note]. */
  readonly rows: ReadonlyMap<number, readonly [days: number, note: string]>
  readonly longestMs: number
}

export interface TrafficOptions {
  readonly url: string
  readonly table: string
  /** Ids from here on belong to writers; those below never change, but for `movers`. */
  readonly firstId: number
  readonly writers: number
  readonly readers: number
  /** Ids below `firstId` of rows that are moved in time, and never missing. */
  readonly movers: readonly number[]
  readonly seed: number
}

const at = (days: number): Sql => sql`date_trunc('hour', now()) - ${days}::int * interval '1 day'`

export async function startTraffic(options: TrafficOptions): Promise<Traffic> {
  const { table, firstId, writers, readers, movers, seed } = options
  const db = openDb({ url: options.url, max: writers + readers })
  const name = sql.ident(table)
  const state = { stopped: false, done: 0, longestMs: 0 }
  const errors: string[] = []
  const rows = new Map<number, readonly [number, string]>()
  const still = onlyRow(await db.query<{ rows: string; songs: string }>(countStill(name, options)))

  const write = async (session: Session, seat: number): Promise<void> => {
    const random = seededRandom(seed * 31 + seat)
    const mine: number[] = []
    // Two writers that move one row of a partitioned table at once get 40001 from the server (§5.12.2.3): not what is tested.
    const ownMovers = movers.filter((_, index) => index % writers === seat)
    for (let turn = 0; !state.stopped; turn++) {
      const begunMs = performance.now()
      await writeOnce(session, {
        name,
        random,
        mine,
        rows,
        movers: ownMovers,
        nextId: firstId + turn * writers + seat,
      }).catch((error: unknown) => errors.push(`writer ${seat}: ${messageOf(error)}`))
      state.longestMs = Math.max(state.longestMs, performance.now() - begunMs)
      state.done++
    }
  }
  const read = async (session: Session, seat: number): Promise<void> => {
    for (let turn = 0; !state.stopped; turn++) {
      try {
        const mover = movers[turn % movers.length] ?? 0
        const seen = await session.query<{ rows: number }>(
          sql`select count(*)::int as rows from ${name} where id = ${mover}`,
        )
        if (onlyRow(seen).rows !== 1) errors.push(`reader ${seat}: row ${mover} was there ${onlyRow(seen).rows} times`)
        if (turn % 50 !== 0) continue
        const now = onlyRow(await session.query<{ rows: string; songs: string }>(countStill(name, options)))
        if (now.rows !== still.rows || now.songs !== still.songs)
          errors.push(`reader ${seat}: ${now.rows} rows instead of ${still.rows}`)
      } catch (error) {
        errors.push(`reader ${seat}: ${messageOf(error)}`)
      }
      state.done++
    }
  }
  const running = [
    ...Array.from({ length: writers }, (_, seat) => db.withSession((session) => write(session, seat))),
    ...Array.from({ length: readers }, (_, seat) => db.withSession((session) => read(session, seat))),
  ]
  return {
    done: () => state.done,
    stop: async () => {
      state.stopped = true
      await Promise.all(running)
      await db.close()
      return { errors, rows, longestMs: state.longestMs }
    },
  }
}

function countStill(name: Sql, { firstId, movers }: Pick<TrafficOptions, 'firstId' | 'movers'>): Sql {
  return sql`
    select count(*)::text as rows, sum("Song Id")::text as songs
    from ${name}
    where id < ${firstId}
      and not id = any(${movers}::bigint[])`
}

interface Turn {
  readonly name: Sql
  readonly random: Random
  readonly mine: number[]
  readonly rows: Map<number, readonly [number, string]>
  readonly movers: readonly number[]
  readonly nextId: number
}

async function writeOnce(session: Session, turn: Turn): Promise<void> {
  const { name, random, mine, rows, movers, nextId } = turn
  const days = Math.floor(random() * 380)
  const note = `note ${Math.floor(random() * 1e9)}`
  const place = Math.floor(random() * mine.length)
  const id = mine[place]
  const choice = random()
  if (id === undefined || choice < 0.45) {
    await session.query(
      sql`insert into ${name} (id, played_at, "Song Id", note) values (${nextId}, ${at(days)}, 1, ${note})`,
    )
    mine.push(nextId)
    rows.set(nextId, [days, note])
  } else if (choice < 0.6) {
    await session.query(sql`update ${name} set note = ${note} where id = ${id}`)
    rows.set(id, [rows.get(id)?.[0] ?? 0, note])
  } else if (choice < 0.75) {
    await session.query(sql`update ${name} set played_at = ${at(days)}, note = ${note} where id = ${id}`)
    rows.set(id, [days, note])
  } else if (choice < 0.85) {
    const mover = movers[Math.floor(random() * movers.length)] ?? 0
    await session.query(sql`update ${name} set played_at = ${at(days)} where id = ${mover}`)
  } else {
    await session.query(sql`delete from ${name} where id = ${id}`)
    mine.splice(place, 1)
    rows.delete(id)
  }
}

/** What differs between the table and what the writers were told. */
export async function compareWithLog(
  db: Db,
  table: string,
  firstId: number,
  log: Acknowledged,
): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: number; days: number; note: string }>(sql`
    select id::int4 as id, round(extract(epoch from date_trunc('hour', now()) - played_at) / 86400)::int4 as days, note
    from ${sql.ident(table)}
    where id >= ${firstId}`)
  const wrong: string[] = []
  const seen = new Set<number>()
  for (const { id, days, note } of rows) {
    const expected = log.rows.get(id)
    if (seen.has(id)) wrong.push(`${id} is there twice`)
    seen.add(id)
    if (expected === undefined) wrong.push(`${id} should be gone`)
    else if (expected[0] !== days || expected[1] !== note) wrong.push(`${id} is not as it was written`)
  }
  for (const id of log.rows.keys()) if (!seen.has(id)) wrong.push(`${id} is missing`)
  return wrong
}
