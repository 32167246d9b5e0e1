// Pages at a size where it matters, and writers who meet: a page far behind skips rows of an index alone, and of two who write balances of one
// wallet at once neither leaves a wrong largest balance behind.

import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { compile } from '../../../examples/wedefi/src/ask.ts'
import { pageStatement, type PageQuestion } from '../../../examples/wedefi/src/portfolio/paged.ts'
import type { Session } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import { putBalances, putTokens, putWallets, usePortfolios } from './portfolio-support.ts'

const wedefi = usePortfolios()
const walletCount = 20_000

beforeAll(async () => {
  const { past } = wedefi()
  await putWallets(past, walletCount)
  await putTokens(past, 30)
  await past.query(sql`
    insert into "TokenBalance" ("walletId", "tokenId", quantity, "usdValue")
    select 'w-' || n, 't-' || (n + k * 7) % 30, 1, round((exp((n * 31 + k) % 100 / 8.0))::numeric, 8)
    from generate_series(0, ${walletCount}::int - 1) as n
    cross join generate_series(0, 2) as k`)
  await wedefi().strata.rollup.merge()
  for (const table of ['Wallet', 'TokenBalance', 'Token']) await past.query(sql`vacuum (analyze) ${sql.ident(table)}`)
})

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows'?: number
  readonly Plans?: readonly PlanNode[]
}

async function nodesOf(question: PageQuestion): Promise<readonly PlanNode[]> {
  const { text, values } = compile(pageStatement(question))
  const { rows } = await wedefi().past.query<{ 'QUERY PLAN': readonly [{ readonly Plan: PlanNode }] }>({
    text: `explain (analyze, timing off, format json) ${text}`,
    values,
  })
  const flat = (node: PlanNode): readonly PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)]
  const [row] = rows
  if (row === undefined) throw new Error('Expected a plan')
  return flat(row['QUERY PLAN'][0].Plan)
}

test.each<[string, PageQuestion]>([
  ['the last page', { limit: 50, offset: walletCount - 50 }],
  ['a page in the middle of those above a value', { limit: 50, offset: 5_000, minValue: '10' }],
  ['a page behind a wallet', { limit: 50, after: { createdAt: '2026-01-01T01:00:00Z', id: 'w-7' } }],
])('%s is found in an index, and holdings are read for its wallets alone', async (_, question) => {
  const nodes = await nodesOf(question)
  const scans = nodes.filter((node) => node['Index Name'] === 'Wallet_created_idx')
  expect(scans.map((node) => node['Node Type'])).toContain('Index Only Scan')
  const whole = nodes.filter(
    (node) => node['Node Type'] === 'Seq Scan' && /^(Wallet|TokenBalance)/.test(node['Relation Name'] ?? ''),
  )
  expect(whole).toEqual([])
})

test('few wallets above a value are found by that value', async () => {
  const nodes = await nodesOf({ limit: 50, minValue: '225000' })
  expect(nodes.map((node) => node['Index Name'])).toContain('Wallet_top_idx')
})

/** In a transaction of its own, which stays open until `commit`. */
async function begin(): Promise<{ readonly session: Session; readonly commit: () => Promise<void> }> {
  let end = (): void => undefined
  let over: Promise<void> | undefined
  const session = await new Promise<Session>((resolve, reject) => {
    over = wedefi().past.withSession(async (opened) => {
      await opened.query(sql`begin`)
      resolve(opened)
      await new Promise<void>((release) => (end = release))
    })
    over.catch(reject)
  })
  onTestFinished(() => end())
  return {
    session,
    commit: async () => {
      await session.query(sql`commit`)
      end()
      await over
    },
  }
}

async function waitsForLock(pid: number): Promise<void> {
  await waitUntil(
    async () => {
      const { rows } = await wedefi().past.query<{ waits: boolean }>(
        sql`select wait_event_type = 'Lock' as waits from pg_stat_activity where pid = ${pid}`,
      )
      return rows[0]?.waits === true
    },
    { what: 'the second writer waits for the first' },
  )
}

test.each([
  ['the one that lowers comes first', '5', '15', '15.00000000'],
  ['the one that raises comes first', '30', '5', '30.00000000'],
])('of two writers of one wallet, %s: the largest balance is right', async (_, first, second, top) => {
  const { past } = wedefi()
  await past.query(sql`delete from "TokenBalance" where "walletId" = 'w-1'`)
  await putBalances(past, [{ wallet: 'w-1', token: 't-0', usd: '20' }])
  const [one, other] = [await begin(), await begin()]
  await putBalances(one.session, [{ wallet: 'w-1', token: 't-0', usd: first }])
  const writing = putBalances(other.session, [{ wallet: 'w-1', token: 't-1', usd: second }])
  await waitsForLock(other.session.pid)
  await one.commit()
  await writing
  await other.commit()
  const { rows } = await past.query(sql`select "topUsd" from "Wallet" where id = 'w-1'`)
  expect(rows).toEqual([{ topUsd: top }])
})
