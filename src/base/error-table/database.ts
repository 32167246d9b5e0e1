// Servers, connections, pools, nodes, tokens and queries.

import { busy, database, environment, refused, usage, type ErrorEntry } from './entry.ts'

export type DatabaseErrorCode =
  | 'DATABASE_UNREACHABLE'
  | 'DATABASE_TOO_OLD'
  | 'DATABASE_IS_REPLICA'
  | 'DATABASE_READ_ONLY'
  | 'DATABASE_PRIVILEGE'
  | 'DATABASE_POOLER'
  | 'DATABASE_FULL'
  | 'DATABASE_LOST'
  | 'TOKEN_INVALID'
  | 'TOKEN_FOREIGN'
  | 'POOL_TIMEOUT'
  | 'POOL_FULL'
  | 'POOL_CLOSED'
  | 'POOL_RELEASED_TWICE'
  | 'NODE_REFUSED'
  | 'NO_PRIMARY'
  | 'TOKEN_AHEAD'
  | 'QUERY_TIMEOUT'
  | 'TRANSACTION_ABORTED'
  | 'TRANSACTION_MISUSED'
  | 'COMMIT_UNKNOWN'
  | 'BATCH_FAILED'
  | 'BULK_INSERT_STOPPED'
  | 'CURSOR_INVALID'
  | 'EXPLAIN_REFUSED'
  | 'EXPLAIN_FAILED'

export const databaseErrors: Readonly<Record<DatabaseErrorCode, ErrorEntry>> = {
  DATABASE_UNREACHABLE: {
    ...database,
    title: 'No connection to the database could be made.',
    advice:
      'Check that the server runs, that host, port, user and password are right, and that a firewall lets you pass.',
  },
  DATABASE_TOO_OLD: {
    ...database,
    title: 'The server is older than PostgreSQL 15.',
    advice: 'Upgrade the server: PostgreSQL 15 to 18 are supported.',
  },
  DATABASE_IS_REPLICA: {
    ...database,
    title: 'The server is a replica; it takes no changes.',
    advice: 'Point `database.primary` at the primary.',
  },
  DATABASE_READ_ONLY: {
    ...database,
    title: 'The database only takes reads.',
    advice: 'Reset default_transaction_read_only for this role and database, or use another role.',
  },
  DATABASE_PRIVILEGE: {
    ...database,
    title: 'The role lacks a privilege it needs.',
    advice: 'Grant what the message names, or connect as a role that has it.',
  },
  DATABASE_POOLER: {
    ...database,
    title: 'A pooler in transaction mode stands between us and the server.',
    advice: 'Give the direct address of the server as `database.direct`.',
  },
  DATABASE_FULL: {
    ...database,
    title: 'The server has no space left.',
    advice: 'Free or add disk space on the server, then run the command again: it goes on where it stopped.',
  },
  DATABASE_LOST: {
    ...database,
    title: 'The connection was lost in the middle of the work.',
    advice: 'Run the command again: it looks at what is there and goes on.',
  },
  TOKEN_INVALID: {
    ...usage,
    title: 'A token is not one that this system signed.',
    advice: 'Send the token as it was received, whole; or send none, and reads begin afresh.',
  },
  TOKEN_FOREIGN: {
    ...refused,
    title: 'A token comes from another database cluster.',
    advice: 'Drop the token: it says nothing about this cluster.',
  },
  POOL_TIMEOUT: {
    ...busy,
    status: 503,
    title: 'No connection was to be had in time.',
    advice: 'Raise `max`, shorten what holds connections, or wait longer with `connectionTimeoutMillis`.',
  },
  POOL_FULL: {
    ...busy,
    status: 503,
    title: 'Too many wait for a connection already.',
    advice: 'Raise `max` or `maxWaiting`, or send less at once.',
  },
  POOL_CLOSED: {
    ...usage,
    status: 503,
    title: 'The pool was ended.',
    advice: 'End the pool when nothing uses it any more, or make a new one.',
  },
  POOL_RELEASED_TWICE: {
    ...usage,
    status: 500,
    title: 'A connection was given back that was already given back.',
    advice: 'Call release() once for every connect().',
  },
  NODE_REFUSED: {
    ...environment,
    title: 'A server is not what the configuration says it is: of another cluster, in another role, or named twice.',
    advice: 'Correct the URL of that node; `pgstrata doctor` shows what each one is.',
  },
  NO_PRIMARY: {
    ...database,
    title: 'None of the servers takes writes.',
    advice: 'Start or promote one; the pool finds it by itself. `pgstrata doctor` shows what each one is.',
  },
  TOKEN_AHEAD: {
    ...database,
    title: 'The token is of a newer timeline than that of the primary this process knows.',
    advice: 'There was a failover: check the URLs of the nodes. The pool goes on looking for the new primary.',
  },
  QUERY_TIMEOUT: {
    ...busy,
    status: 504,
    title: 'A query took longer than its time limit; it was cancelled on the server, too.',
    advice: 'Make the query cheaper, or raise the query timeout of the pool or of this query.',
  },
  TRANSACTION_ABORTED: {
    ...refused,
    status: 500,
    title: 'A transaction was to be committed, but one of its statements had failed: it was rolled back.',
    advice: 'Let the error of the statement pass, or run what may fail in a savepoint: `tx.tx(…)`.',
  },
  TRANSACTION_MISUSED: {
    ...usage,
    status: 500,
    title: 'A transaction was used after its end, beside its savepoint, or inside another.',
    advice: 'Await everything inside the function, and use the `tx` that it was given.',
  },
  COMMIT_UNKNOWN: {
    ...database,
    title: 'The connection was lost during COMMIT: whether the transaction took effect is not known.',
    advice: 'Look for what it wrote before you run it again.',
  },
  BATCH_FAILED: {
    ...refused,
    status: 500,
    title: 'A statement of a batch failed; the others were carried out or failed on their own.',
    advice: 'See the cause; with `{ settle: true }` the outcome of each is given.',
  },
  BULK_INSERT_STOPPED: {
    ...refused,
    status: 500,
    title: 'A bulk insert in batches stopped; the batches before stay.',
    advice: '`details.count` rows were acknowledged: mend the cause and go on after them.',
  },
  CURSOR_INVALID: {
    ...usage,
    title: 'A cursor is not one that a page of this order gave.',
    advice: 'Send the cursor as it was received, with the same `by`; or none, for the first page.',
  },
  EXPLAIN_REFUSED: {
    ...usage,
    title: 'A statement has no plan to be shown, or must not be run to show one.',
    advice: 'Give one SELECT, INSERT, UPDATE, DELETE or MERGE.',
  },
  EXPLAIN_FAILED: {
    ...usage,
    title: 'The server does not take a statement that was to be explained.',
    advice: 'Mend the statement, or the names and values in it; search_path and role are those of the pool.',
  },
}
