// Questions of all kinds, asked before the first client does; by URLs that no client uses, so nothing is kept for clients by it.

import { warm, type App, type WarmRequest } from 'pgstrata-example-kit'
import type { ApiContext } from './context.ts'

type Warmed = Pick<ApiContext, 'prepared'> & { readonly log?: ((line: string) => void) | undefined }

/** What is told to one person alone is asked most, past what is kept. */
const personal = 8

/** Returns the statuses of the answers. */
export async function warmUp(app: App, { prepared, log }: Warmed): Promise<readonly number[]> {
  return await warm(app, { read: async () => await readRequests(prepared), log })
}

async function readRequests(db: ApiContext['prepared']): Promise<readonly WarmRequest[]> {
  const node = await db
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
}
