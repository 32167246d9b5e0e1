// A Db that can be shut while somebody still has it: from then on it sends nothing, on connections taken before either.

import { StrataError } from '../base/errors.ts'
import type { Db, Queryable, Wire } from '../db/db.ts'
import type { Sql } from '../sql/sql.ts'

export interface RefusableDb extends Db {
  refuse(): void
}

export function refusable(db: Db): RefusableDb {
  let isRefused = false
  const confirm = (): void => {
    if (isRefused) throw new StrataError('LEASE_LOST', { message: 'The run to which this connection belongs is over' })
  }
  const send =
    (on: Queryable) =>
    async <Row extends object>(statement: Sql) => {
      confirm()
      return await on.query<Row>(statement)
    }
  const guard = (wire: Wire): Wire => ({
    submit: (stream) => {
      confirm()
      wire.submit(stream)
    },
    giveUp: (error) => wire.giveUp(error),
  })
  return {
    target: db.target,
    query: send(db),
    withSession: (work) =>
      db.withSession((session) =>
        work({
          pid: session.pid,
          query: send(session),
          onNotice: (listener) => session.onNotice(listener),
          wire: session.wire === undefined ? undefined : guard(session.wire),
        }),
      ),
    close: (how) => db.close(how),
    refuse: () => {
      isRefused = true
    },
  }
}
