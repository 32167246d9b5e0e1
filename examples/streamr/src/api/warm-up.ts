// Questions of all kinds, asked before the first client does; by URLs that no client uses, so nothing is kept for clients by it.

import { warm, type App } from 'pgstrata-example-kit'
import type { ApiContext } from './context.ts'

/** What is told to one person alone is asked most, past what is kept. */
const personal = 8

export async function warmUp(app: App, { prepared }: Pick<ApiContext, 'prepared'>): Promise<void> {
  await warm(app, async () => {
    const node = await prepared
      .selectFrom('nodes')
      .select(['node_id', 'stream_id', 'user_id'])
      // Nothing personal can be asked of nobody.
      .where('user_id', 'is not', null)
      .limit(1)
      .executeTakeFirst()
    const stream = encodeURIComponent(node?.stream_id ?? 'none')
    const paths = [
      '/streams?',
      `/streams/${stream}?`,
      `/streams/${stream}/nodes?`,
      `/streams/${stream}/earnings?`,
      `/streams/${stream}/comments?`,
      `/nodes/${encodeURIComponent(node?.node_id ?? 'none')}?`,
      '/payouts/runs?',
      '/friends?',
      '/friends/nodes?',
      '/geo/nearest?lat=0&lon=0',
      ...Array.from({ length: personal }, () => '/earnings?'),
    ]
    const headers = node?.user_id == null ? {} : { 'x-user-id': node.user_id }
    return paths.map((url) => ({ url, headers }))
  })
}
