// The forty-two indexes on a database of realistic size: as many of each family as the original design counts, and each of them in the plan
// of the statement that it is for. Plans are made and not run, for values that are in the data; no time is measured.

import { beforeAll, afterAll, describe, expect, test } from 'vitest'
import config from '../../../examples/sessions/pgstrata.config.ts'
import { openSessions, type SessionsStrata } from '../../../examples/sessions/src/strata.ts'
import * as statements from '../../../examples/sessions/src/db/statements/index.ts'
import type { Statement } from '../../../examples/sessions/src/db/statements/index.ts'
import { generate } from '../../../examples/sessions/src/generator/generate.ts'
import { sql } from '../../../src/sql/sql.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { testConfig } from './support.ts'

const families = { sessions: 15, reports: 8, blocks: 6, users: 4, telemetry_events: 6, nonces: 3 } as const

/** A quarter of the full size; all of it with PGSTRATA_SOAK=1. */
const scale = process.env['PGSTRATA_SOAK'] === '1' ? 1 : 0.25

let database: TestDatabase | undefined
let strata: SessionsStrata | undefined

beforeAll(async () => {
  database = await testDatabase(18)
  strata = openSessions(testConfig({ url: database.url }))
  // As a database is that was there before: full first, indexes and months then.
  await strata.migrate.up({ to: '0001', lint: false })
  await generate(strata, { scale, seed: 42 })
  // A busy hour: many talk, and moderators have much on their desks.
  await database.db.query(sql`
    with idle as (
      select address, row_number() over (order by address) as place
      from users
      where not exists (select from sessions where status in ('waiting', 'active') and address in (a_addr, b_addr))
    )
    insert into sessions (a_addr, b_addr, status, created_at, started_at)
    select one.address, other.address, 'active', now() - interval '9 minutes', now() - one.place * interval '1 second'
    from idle as one
    join idle as other on other.place = one.place + 500
    where one.place <= 500`)
  await database.db.query(sql`
    update reports
    set status = 'claimed',
      claimed_by = (select address from users where status = 'active' order by address offset report_id % 7 limit 1),
      claimed_at = now() - report_id % 40 * interval '1 minute'
    where status = 'open'
      and report_id % 2 = 0`)
  // And somebody blocks whoever comes: of a few blocks any index would do.
  await database.db.query(sql`
    insert into blocks (blocker, blocked, created_at)
    select (select min(address) from users), address, now() - row_number() over (order by address) * interval '36 hours'
    from (select address from users order by address offset 1 limit 60) as met
    on conflict do nothing`)
  await strata.migrate.up({ lint: false })
  await strata.apply()
  for (const table of strata.config.tables) await strata.conversion.convert(table)
  await strata.db.query(sql`analyze`)
  // Else it is autovacuum's to say whether an index alone can answer.
  await strata.db.query(sql`vacuum blocks`)
}, 240_000)

afterAll(async () => {
  await strata?.close()
  await database?.close()
})

const db = (): TestDatabase['db'] => {
  if (database === undefined) throw new Error('The database is there only inside tests')
  return database.db
}

async function first(text: string): Promise<string> {
  const { rows } = await db().query<{ it: string }>(sql.raw(text))
  const [row] = rows
  if (row === undefined) throw new Error(`Expected a row, got none: ${text}`)
  return row.it
}

interface Node {
  readonly 'Index Name'?: string
  readonly Plans?: readonly Node[]
}

/** Names of indexes in the plan; of a partition's index that of the table's. */
async function indexesIn(
  { text }: Pick<Statement, 'text'>,
  values: readonly unknown[],
  how = 'costs off',
): Promise<ReadonlySet<string>> {
  const { rows } = await db().query<{ 'QUERY PLAN': readonly { Plan: Node }[] }>({
    text: `explain (${how}, format json) ${text}`,
    values: [...values],
  })
  const walk = (node: Node): readonly Node[] => [node, ...(node.Plans ?? []).flatMap(walk)]
  const names = rows
    .flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => walk(Plan)))
    .map((node) => node['Index Name'])
  const { rows: parents } = await db().query<{ part: string; whole: string }>(sql`
    select part.relname as part, whole.relname as whole
    from pg_inherits
    join pg_class as part on part.oid = inhrelid
    join pg_class as whole on whole.oid = inhparent
    where whole.relkind = 'I'`)
  const wholes = new Map(parents.map(({ part, whole }) => [part, whole]))
  return new Set(names.flatMap((name) => (name === undefined ? [] : [wholes.get(name) ?? name])))
}

interface Values {
  readonly wallet: string
  readonly invited: string
  readonly pair: readonly [string, string]
  readonly blocked: readonly [string, string]
  /** Who has blocked most. */
  readonly blocker: string
  readonly reported: string
  readonly moderator: string
  readonly session: string
  readonly lastHour: Date
  readonly lastDay: Date
}

async function readValues(): Promise<Values> {
  const wallet = await first('select a_addr as it from sessions group by a_addr order by count(*) desc, a_addr limit 1')
  const pair = (
    await first(`select a_addr || ' ' || b_addr as it from sessions where b_addr is not null limit 1`)
  ).split(' ')
  const blocked = (
    await first(`
      select blocker || ' ' || blocked as it
      from blocks
      order by count(*) over (partition by blocked) desc, blocked, blocker
      limit 1`)
  ).split(' ')
  const last = new Date(await first('select max(created_at)::text as it from telemetry_events'))
  return {
    wallet,
    invited: await first(`select b_addr as it from sessions where status = 'invited' limit 1`),
    pair: [pair[0] ?? '', pair[1] ?? ''],
    blocked: [blocked[0] ?? '', blocked[1] ?? ''],
    blocker: await first('select blocker as it from blocks group by blocker order by count(*) desc, blocker limit 1'),
    reported: await first(
      'select reported as it from reports group by reported order by count(*) desc, reported limit 1',
    ),
    moderator: await first(`select claimed_by as it from reports where status = 'claimed' limit 1`),
    session: await first('select session_id::text as it from telemetry_events where session_id is not null limit 1'),
    lastHour: new Date(last.getTime() - 3_600_000),
    lastDay: new Date(last.getTime() - 86_400_000),
  }
}

const begin = ['infinity', '9223372036854775807'] as const
const page = [...begin, 20] as const

/** Each index, the statement that it is for, and what is asked. */
const uses: Readonly<Record<string, readonly [Statement, (values: Values) => readonly unknown[]]>> = {
  sessions_live_a_idx: [statements.liveSessionOf, ({ wallet }) => [wallet]],
  sessions_live_b_idx: [statements.liveSessionOf, ({ wallet }) => [wallet]],
  sessions_a_addr_idx: [statements.sessionsOf, ({ wallet }) => [wallet, ...page]],
  sessions_b_addr_idx: [statements.sessionsOf, ({ wallet }) => [wallet, ...page]],
  sessions_a_status_idx: [statements.sessionsOfByStatus, ({ wallet }) => [wallet, ...page, 'declined']],
  sessions_b_status_idx: [statements.sessionsOfByStatus, ({ wallet }) => [wallet, ...page, 'declined']],
  sessions_waiting_idx: [statements.longestWaiting, ({ wallet }) => [wallet]],
  sessions_invited_idx: [statements.invitationsBetween, ({ wallet, invited }) => [wallet, invited]],
  sessions_expires_at_idx: [statements.expireSessions, () => []],
  sessions_active_idx: [statements.endForgottenSessions, () => []],
  sessions_created_at_idx: [statements.newestSessions, () => page],
  sessions_started_at_idx: [statements.sessionsStarted, ({ lastHour }) => [lastHour, new Date()]],
  sessions_ended_at_idx: [statements.sessionsEndedLast, () => page],
  sessions_ended_by_idx: [statements.sessionsEndedBy, ({ wallet }) => [wallet, 50]],
  sessions_pair_idx: [statements.openBetween, ({ pair }) => pair],
  reports_queue_idx: [statements.openReports, ({ wallet }) => ['-infinity', 0, 20, wallet]],
  reports_claimed_by_idx: [statements.reportsClaimedBy, ({ moderator }) => [moderator, 20]],
  reports_stale_claims_idx: [statements.releaseStaleReports, () => []],
  reports_reported_idx: [statements.reportsAbout, ({ reported }) => [reported, 20]],
  reports_reporter_idx: [statements.reportsFrom, ({ reported, wallet }) => [reported, 20, wallet]],
  reports_reason_idx: [statements.reportsForReason, ({ lastDay, wallet }) => ['impersonation', lastDay, 20, wallet]],
  reports_created_at_idx: [statements.newestReports, ({ wallet }) => [...page, wallet]],
  reports_resolved_at_idx: [statements.reportsResolvedLast, ({ wallet }) => [...page, wallet]],
  blocks_pair_idx: [statements.blocksBetween, ({ blocked }) => blocked],
  blocks_blocked_idx: [statements.blockersOf, ({ blocked }) => [blocked[1], 50]],
  blocks_blocker_idx: [statements.blocksBy, ({ blocker }) => [blocker, 'infinity', '0y', 20]],
  blocks_blocked_created_at_idx: [statements.blocksAgainst, ({ blocked, lastDay }) => [blocked[1], lastDay]],
  blocks_created_at_idx: [statements.blocksByDay, ({ lastDay }) => [lastDay]],
  blocks_reason_idx: [statements.blocksForReason, ({ wallet }) => ['impersonation', 20, wallet]],
  users_last_seen_at_idx: [statements.usersSeenLast, () => ['infinity', '0y', 20]],
  users_created_at_idx: [statements.newestUsers, () => ['infinity', '0y', 20]],
  users_display_name_idx: [statements.usersByName, ({ wallet }) => ['Zora Ta', wallet, 20]],
  users_status_idx: [statements.usersKeptOut, () => ['banned', 20]],
  telemetry_events_created_at_idx: [statements.newestEvents, ({ lastDay }) => [lastDay, 50]],
  telemetry_events_session_idx: [statements.eventsOfSession, ({ session }) => [session, '-infinity', 50]],
  telemetry_events_address_idx: [statements.eventsOfWallet, ({ wallet, lastDay }) => [wallet, lastDay, 50]],
  telemetry_events_kind_idx: [statements.eventsOfKind, ({ lastDay }) => ['error', lastDay, 50]],
  telemetry_events_payload_idx: [
    statements.eventsContaining,
    () => ['{"code": "ICE_FAILED", "attempt": 3}', '-infinity', 50],
  ],
  telemetry_events_tags_idx: [statements.eventsTagged, () => [['ios', 'emulator'], '-infinity', 50]],
  nonces_expires_at_idx: [statements.overdueNonces, () => []],
  nonces_address_idx: [statements.openNoncesOf, ({ wallet }) => [wallet, 50]],
  nonces_used_at_idx: [statements.loginsSince, () => [new Date(Date.now() - 30_000)]],
}

describe('the indexes of the original design', () => {
  test('fifteen of sessions, eight of reports, six of blocks, four of users, six of telemetry, three of nonces, all valid', async () => {
    const { rows } = await db().query<{ table: string; name: string; valid: boolean; gin: boolean }>(sql`
      select i.indrelid::regclass::text as table,
        c.relname as name,
        i.indisvalid as valid,
        m.amname = 'gin' as gin
      from pg_index as i
      join pg_class as c on c.oid = i.indexrelid
      join pg_class as t on t.oid = i.indrelid
      join pg_am as m on m.oid = c.relam
      where t.relnamespace = 'public'::regnamespace
        and t.relname = any (${Object.keys(families)}::text[])
        and not exists (select from pg_constraint where conindid = i.indexrelid)`)
    const counts = Object.fromEntries(
      Object.keys(families).map((family) => [family, rows.filter(({ table }) => table === family).length]),
    )
    expect(counts).toEqual(families)
    expect(rows.filter(({ valid }) => !valid)).toEqual([])
    expect(rows.filter(({ gin }) => gin).map(({ table }) => table)).toEqual(['telemetry_events', 'telemetry_events'])
    expect(rows.map(({ name }) => name).toSorted()).toEqual(Object.keys(uses).toSorted())
  })

  test('the data is of a size at which a wrong plan would be one that hurts', async () => {
    const { rows } = await db().query<Record<string, number>>(sql`
      select (select count(*)::integer from users) as users,
        (select count(*)::integer from sessions) as sessions,
        (select count(*)::integer from telemetry_events) as events,
        (select count(*)::integer from pg_inherits where inhparent = 'telemetry_events'::regclass) as months`)
    expect(rows[0]?.['users']).toBe(60_000 * scale)
    expect(rows[0]?.['sessions']).toBeGreaterThan(199_000 * scale)
    expect(rows[0]?.['events']).toBeGreaterThan(450_000 * scale)
    expect(rows[0]?.['months']).toBeGreaterThanOrEqual(2)
  })

  test('each is in the plan of its statement', async () => {
    const values = await readValues()
    const unused: string[] = []
    for (const [index, [statement, ask]] of Object.entries(uses)) {
      const used = await indexesIn(statement, ask(values))
      if (!used.has(index)) unused.push(`${index} of ${statement.name}: ${[...used].join(', ') || 'none'}`)
    }
    expect(unused).toEqual([])
  })

  test('sessions by their first report are found by the reports', async () => {
    const { wallet } = await readValues()
    expect([...(await indexesIn(statements.sessionsReportedLast, [...page, wallet]))]).toContain(
      'reports_created_at_idx',
    )
  })

  test('those that are watched are in plans for values that nobody knows, too', async () => {
    for (const [name, { sql: text, index }] of Object.entries(config.expect))
      expect([...(await indexesIn({ text }, [], 'generic_plan'))], name).toContain(index)
  })

  test('statements have names of their own', () => {
    const named = Object.values(statements).filter((one): one is Statement => typeof one === 'object' && 'text' in one)
    expect(new Set(named.map(({ name }) => name)).size).toBe(named.length)
  })
})
