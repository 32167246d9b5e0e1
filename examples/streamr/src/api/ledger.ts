// What an account was given and paid, the newest first. Accounts are those of streams and of nodes; the ledger is open, so that
// whoever was paid can see by which run, and whoever paid, where it went.

import { sql, type Kysely } from 'kysely'
import { defineCursor, defineFields, notFound, params, word, type App } from 'pgstrata-example-kit'
import type { Database } from '../database.ts'
import type { ApiContext } from './context.ts'
import { listQuery, type ListQuery } from './schemas.ts'
import { pageOf } from './streams.ts'

const entryFields = defineFields('entry_id', 'run_id', 'amount', 'created_at')
const byId = defineCursor({ entry_id: 'integer' })

export function addLedger(app: App, { db }: ApiContext): void {
  app.get<{ Params: { readonly account: string }; Querystring: ListQuery }>(
    '/ledger/:account',
    { schema: { params: params({ account: word }), querystring: listQuery({}) } },
    async (request) => {
      const { account } = request.params
      const { limit, cursor, fields } = request.query
      const pick = entryFields(fields)
      const before = byId.parse(cursor)
      const asked = db
        .selectFrom('ledger_entries')
        .select(['entry_id', 'run_id', 'amount', 'created_at'])
        .where('account', '=', account)
        .orderBy('entry_id', 'desc')
        .limit(limit + 1)
      const [found, { balance }] = await Promise.all([
        (before === undefined ? asked : asked.where('entry_id', '<', before.entry_id)).execute(),
        db
          .selectFrom('ledger_entries')
          .select(sql<string | null>`sum(amount)`.as('balance'))
          .where('account', '=', account)
          .executeTakeFirstOrThrow(),
      ])
      if (balance === null && !(await isAccount(db, account))) throw notFound('account')
      const { rows, next } = pageOf(found, limit, byId)
      return { account, balance: balance ?? '0', entries: rows.map(pick), next }
    },
  )
}

/** Whoever was never paid has an account all the same. */
async function isAccount(db: Kysely<Database>, account: string): Promise<boolean> {
  const [, kind, id = ''] = /^(stream|node):(.+)$/s.exec(account) ?? []
  if (kind === undefined) return false
  const found =
    kind === 'stream'
      ? db.selectFrom('streams').select('stream_id').where('stream_id', '=', id)
      : db.selectFrom('nodes').select('node_id').where('node_id', '=', id)
  return (await found.executeTakeFirst()) !== undefined
}
