// One statement on one connection, with what its session needs sent in the same flight: the server's position before a read
// (is it far enough?), after it (what may it have seen?), after a write's commit (its token), and the settings of its route.
// Promises: `done` is called exactly once, when the connection is free again. No round trip is added: positions beside a
// read share its Sync; the position after an autocommitted write goes out behind it with a Sync of its own, since under the
// write's own Sync it would be older than the commit.
// On failure nothing is tried again here, but for what failed only because a prepared statement was gone or out of date,
// and so did not begin.

import type pg from 'pg'
import { plainCall, type Call } from './call.ts'
import { Flight, type FlightStatement } from './flight.ts'
import { linkOf, type Link } from '../cluster/link.ts'
import type { Route, RouteSettings } from '../options.ts'
import { askPosition, isPromoted, reachedBy, seenBy, timelineOf, type PositionRow } from './position.ts'
import { forgetPrepared, isStalePrepared, notePrepared } from './prepared.ts'
import { askPg, sendPipelined, sendPlain, type Asked, type Outcome } from './send.ts'
import { foreignToken, isForeign, type CausalSession } from '../routing/session.ts'
import { losesConnection } from '../cluster/lost.ts'

/** `elsewhere`: the answer is not to be used, another node may have a better one. */
export type RunDone = (error: Error | null, result?: pg.QueryResult, elsewhere?: boolean) => void

export interface RunNeeds {
  readonly reads: boolean
  readonly route: Route
  readonly session: CausalSession | undefined
  /** May share a transaction with settings. */
  readonly blockable: boolean
}

export interface RunOptions {
  readonly settings: Readonly<Partial<Record<Route, RouteSettings>>>
  readonly maxPrepared: number
}

export function runStatement(client: pg.Client, call: Call, needs: RunNeeds, options: RunOptions, done: RunDone): void {
  const isForeigner = isForeign(needs.session, linkOf(client).identity)
  if (isForeigner) return done(foreignToken())
  // A procedure may have committed something before it came to such an end.
  const mayRepeat = (needs.reads || needs.blockable) && client.getTransactionStatus() === 'I'
  if (!mayRepeat) return runOnce(client, call, needs, options, done)
  runOnce(client, call, needs, options, (error, result, elsewhere) => {
    const isOfPreparing = call.name !== undefined || elsewhere === true
    if (error === null || !isOfPreparing || !isStalePrepared(error)) return done(error, result, elsewhere)
    forgetPrepared(client)
    runOnce(client, call, needs, options, done)
  })
}

function runOnce(client: pg.Client, call: Call, needs: RunNeeds, options: RunOptions, done: RunDone): void {
  const link = linkOf(client)
  const named = nameOn(client, link, call, options)
  const session = link.identity === undefined ? undefined : needs.session
  const settings = needs.blockable && !call.special ? settingsOf(link, needs.route, options) : undefined
  if (call.special && session !== undefined) done = unsettling(session, done)
  if (needs.reads && !call.special) runRead({ client, link, call: named, session, settings, done })
  else if (session === undefined || call.special || link.identity?.isReplica === true) {
    if (settings === undefined) sendPlain(client, named, done)
    else runWithSettings({ client, link, call: named, session: undefined, settings, done })
  } else if (settings === undefined) runWrite({ client, link, call: named, session, done })
  else runWithSettings({ client, link, call: named, session, settings, done })
}

/** What is sent by pg alone brings no position. */
function unsettling(session: CausalSession, done: RunDone): RunDone {
  session.unsettle()
  return (error, result, elsewhere) => {
    session.unsettle()
    done(error, result, elsewhere)
  }
}

interface Running {
  readonly client: pg.Client
  readonly link: Link
  readonly call: Call
  readonly session: CausalSession | undefined
  readonly done: RunDone
}

/** Names only where they reach the server that has them; ours are counted. */
function nameOn(client: pg.Client, link: Link, call: Call, options: RunOptions): Call {
  if (call.name === undefined) return call
  if (!link.node.named) {
    const { name: _name, ...config } = call.config as pg.QueryConfig
    return { ...call, config, name: undefined }
  }
  if (!call.ours) return call
  notePrepared(client, call.name, options.maxPrepared)
  return { ...call, config: { ...(call.config as pg.QueryConfig), name: call.name } }
}

function runRead(running: Running & { settings: FlightStatement | undefined }): void {
  const { client, link, call, session, settings, done } = running
  const isReplica = link.identity?.isReplica === true
  const wanted = session?.lsn ?? 0n
  const looksBefore = session !== undefined && isReplica && wanted > link.floor
  const looksAfter = session !== undefined && (session.monotonic || (!isReplica && isUnsettled(session, link)))
  if (!looksBefore && !looksAfter && settings === undefined) return sendPlain(client, call, done)

  const epoch = session?.epoch ?? 0
  const position = askPosition(isReplica, link.node.named)
  const before = [...(settings === undefined ? [] : [settings]), ...(looksBefore ? [position] : [])]
  const main = {
    text: call.text,
    values: call.values ?? [],
    name: call.name,
    rowMode: call.rowMode,
    types: call.types,
  }
  const flight = new Flight(before, main, looksAfter ? [position] : [], (error, answer, failedBeside) => {
    if (error !== null || answer === undefined) return done(error, undefined, failedBeside)
    const rows = settings === undefined ? answer.beside : answer.beside.slice(1)
    if (rows.some((row) => noteStale(link, row))) return done(null, undefined, true)
    if (looksBefore && noteReached(link, rows[0] ?? []) < wanted) return done(null, undefined, true)
    if (looksAfter && session !== undefined) {
      joinSeen(session, link, rows.at(-1) ?? [])
      if (!isReplica) session.settle(epoch)
    }
    done(null, answer.result)
  })
  client.query(flight as unknown as pg.Submittable)
}

/** A read on the primary settles what is not known of a session: also where a token of a timeline now past stands. */
function isUnsettled(session: CausalSession, link: Link): boolean {
  return session.isUnsettled || (session.timeline !== 0 && session.timeline < (link.identity?.timeline ?? 0))
}

/** A promoted server: what it says of its replay is of the past, and so is the connection. */
function noteStale(link: Link, row: PositionRow): boolean {
  if (link.identity === undefined || !isPromoted(row, link.identity)) return false
  link.isStale = true
  return true
}

function noteReached(link: Link, row: PositionRow): bigint {
  const reached = reachedBy(row)
  if (link.direct && reached > link.floor) link.floor = reached
  return reached
}

function joinSeen(session: CausalSession, link: Link, row: PositionRow): void {
  const { identity } = link
  if (identity === undefined || isForeign(session, identity)) return
  if (identity.isReplica) noteReached(link, row)
  // A replica may have followed to a new timeline under an open connection.
  const timeline = identity.isReplica ? link.node.identity?.timeline : timelineOf(row)
  session.join(identity.systemId, timeline ?? identity.timeline, seenBy(row, identity))
}

function positionQuery(link: Link): pg.QueryConfig {
  const { text, name } = askPosition(link.identity?.isReplica === true, link.node.named)
  return { text, rowMode: 'array', ...(name === undefined ? {} : { name }) } as pg.QueryConfig
}

function runWrite({ client, call, session, done }: Running): void {
  sendBeforePosition(client, [call], session, (outcomes) => {
    const [main] = outcomes
    done(main?.error ?? null, main?.result)
  })
}

/** The position after all of them, with a Sync of its own, joined to the session. */
function sendBeforePosition(
  client: pg.Client,
  statements: readonly Asked[],
  session: CausalSession | undefined,
  answered: (outcomes: readonly Outcome[]) => void,
): void {
  const link = linkOf(client)
  const epoch = session?.epoch ?? 0
  sendPipelined(client, [...statements, { config: positionQuery(link) }], (outcomes) => {
    const position = outcomes.at(-1)
    const error = outcomes.slice(0, -1).find((outcome) => outcome.error !== null)?.error
    if (isStalePrepared(position?.error)) forgetPrepared(client)
    settleWrite({ session, link, epoch, error, answer: position?.result })
    answered(outcomes)
  })
}

/** Settings are for this statement alone, so it needs a transaction; all of it in one flight. */
function runWithSettings(running: Running & { settings: FlightStatement }): void {
  const { client, call, session, settings, done } = running
  const set = { config: settings.text, values: [...settings.values] }
  sendBeforePosition(client, [{ config: 'begin' }, set, call, { config: 'commit' }], session, (outcomes) => {
    const [begun, applied, main, ended] = outcomes
    // If only its BEGIN failed (it was cancelled), the statement took effect all the same, by itself.
    if (begun?.error != null && main?.error === null) return done(null, main.result)
    const error = begun?.error ?? applied?.error ?? main?.error ?? ended?.error
    if (error !== null && error !== undefined) return done(error)
    if (ended?.result?.command !== 'COMMIT') return done(new Error('The transaction was rolled back'))
    done(null, main?.result)
  })
}

interface Written {
  readonly session: CausalSession | undefined
  readonly link: Link
  /** The session's, when it was sent. */
  readonly epoch: number
  readonly error: Error | null | undefined
  readonly answer: pg.QueryResult | undefined
}

function settleWrite({ session, link, epoch, error, answer }: Written): void {
  if (session === undefined) return
  const row = answer?.rows[0] as PositionRow | undefined
  if (row === undefined || noteStale(link, row)) {
    // What failed for a reason of its own changed nothing; what lost its connection may have.
    if (error === null || error === undefined || losesConnection(error)) session.unsettle()
    return
  }
  joinSeen(session, link, row)
  if (link.identity?.isReplica !== false) return
  if (session.process !== undefined) joinSeen(session.process, link, row)
  // Whatever the session did before is not beyond the primary's position of now.
  session.settle(epoch)
}

/** BEGIN, and the settings of the transaction's route, which hold until its end. */
export function runBegin(client: pg.Client, call: Call, route: Route, options: RunOptions, done: RunDone): void {
  const link = linkOf(client)
  const begin = nameOn(client, link, call, options)
  const settings = settingsOf(link, route, options)
  if (settings === undefined) return sendPlain(client, begin, done)
  const set = { config: settings.text, values: [...settings.values] }
  sendPipelined(client, [begin, set], ([begun, applied]) => {
    if (begun?.error != null || applied?.error == null) return done(begun?.error ?? null, begun?.result)
    const { error } = applied
    sendPlain(client, plainCall('rollback'), () => done(error))
  })
}

/** COMMIT or ROLLBACK, and the position after it in the same flight. */
export function runEnd(client: pg.Client, end: 'commit' | 'rollback', session: CausalSession, done: RunDone): void {
  if (linkOf(client).identity === undefined) return sendPlain(client, plainCall(end), done)
  sendBeforePosition(client, [plainCall(end)], session, ([ended]) => done(ended?.error ?? null, ended?.result))
}

/** Whether the server behind this connection has replayed what the session has seen; one that cannot say has not. */
export function hasReached(
  client: pg.Client,
  session: CausalSession | undefined,
  callback: (reached: boolean) => void,
): void {
  const link = linkOf(client)
  if (session === undefined || link.identity?.isReplica !== true || session.lsn <= link.floor) return callback(true)
  const wanted = session.lsn
  askPg(client, { config: positionQuery(link) }, (error, result) => {
    if (isStalePrepared(error)) forgetPrepared(client)
    const row = (result?.rows[0] ?? []) as PositionRow
    callback(error === null && !noteStale(link, row) && noteReached(link, row) >= wanted)
  })
}

function settingsOf(link: Link, route: Route, options: RunOptions): FlightStatement | undefined {
  const { statementTimeoutMs } = link.node.options
  if (options.settings[route] === undefined && (link.direct || statementTimeoutMs === 0)) return undefined
  const entries = Object.entries(options.settings[route] ?? {}).map(([name, value]) => [name, String(value)] as const)
  // On a direct connection it is a setting of the session, made when it was connected.
  if (!link.direct && statementTimeoutMs > 0 && !entries.some(([name]) => name === 'statement_timeout')) {
    entries.push(['statement_timeout', `${statementTimeoutMs}ms`])
  }
  if (entries.length === 0) return undefined
  const parts = entries.map((_, index) => `set_config($${index * 2 + 1}, $${index * 2 + 2}, true)`)
  return {
    text: `select ${parts.join(', ')}`,
    values: entries.flat(),
    name: link.node.named && link.direct ? `pgstrata_settings_${route}` : undefined,
  }
}
