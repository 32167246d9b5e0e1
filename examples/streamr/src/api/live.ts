// Live events over Server-Sent Events: GET /live with the topics that a page names, and GET /stream, the endpoint of the original
// design, with those of everything that is going on.
//
// Who may hear what: streams, findings, payouts and what is counted of them, everybody; comments, one stream at a time; nodes, those of
// one stream or by their ids, for an event tells only how they are; by their owner, whoever is that owner or a friend; requests and
// friendships, whoever they are of. It is asked again whenever a client comes back, which is once an hour at the latest: until
// then one who is a friend no more still hears how nodes are.

import type { Conditions, TopicSpec, TopicValue } from 'pgstrata'
import { fastifyLive, liveHandler } from 'pgstrata/http'
import type { App } from 'pgstrata-example-kit'
import { friendIdsOf, friendsAmong } from '../friends/friend-ids.ts'
import { findUser, uuidForm, type ApiContext, type Asking } from './context.ts'

export async function addLive(app: App, context: ApiContext): Promise<void> {
  const { live } = context.strata
  const authorize = (request: Asking, topic: TopicSpec): Promise<boolean | TopicSpec> => decide(context, request, topic)
  await app.register(fastifyLive<TopicSpec>(live, { path: '/live', authorize }))
  const stream = liveHandler<TopicSpec>(live, { authorize })
  app.get('/stream', async (request, reply) => {
    const asked = new URL(request.url, 'http://app')
    if (!asked.searchParams.has('topics')) {
      asked.searchParams.set('topics', JSON.stringify(await allTopics(context, request)))
      request.raw.url = `${asked.pathname}${asked.search}`
    }
    reply.hijack()
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value)
    stream(request.raw, reply.raw)
  })
}

const open = new Set(['streams', 'fraud_findings', 'payout_runs'])
/** Values of one topic. */
const mostOwners = 100

async function allTopics(context: ApiContext, request: Asking): Promise<readonly TopicSpec[]> {
  const user = await findUser(context, request)
  const public_: readonly TopicSpec[] = [
    { table: 'streams' },
    { table: 'fraud_findings' },
    { table: 'payout_runs' },
    { rollup: 'stream_earnings_hourly' },
  ]
  if (user === undefined) return public_
  const friends = await friendIdsOf(context.db, user.user_id)
    .orderBy('user_id')
    .limit(mostOwners - 1)
    .execute()
  return [
    ...public_,
    { table: 'nodes', where: { user_id: [user.user_id, ...friends.map(({ user_id }) => user_id)] } },
    { table: 'friendships', key: { friend_id: user.user_id } },
    { table: 'friendships', key: { user_id: user.user_id } },
  ]
}

/** Whether a topic may be heard, or what may be heard of it. */
async function decide(context: ApiContext, request: Asking, topic: TopicSpec): Promise<boolean | TopicSpec> {
  if (!('table' in topic)) return true
  if (open.has(topic.table)) return true
  if (topic.table === 'comments') return namesAll(topic.where, ['stream_id'])
  if (topic.table === 'nodes' && !('user_id' in (topic.where ?? {})))
    return namesAll(topic.where, ['stream_id']) || namesAll(topic.key, ['node_id'])
  const user = await findUser(context, request)
  if (user === undefined) return false
  if (topic.table === 'nodes') return await isCircle(context, user.user_id, valuesOf(topic.where, 'user_id'))
  return topic.table === 'friendships' && namesOneself(topic.key, user.user_id) ? { ...topic, where: unblocked } : false
}

/** Of requests and friendships; who was blocked hears nothing of it. */
const unblocked: Conditions = { status: ['PENDING', 'ACCEPTED', 'DECLINED'] }

function namesOneself(key: Conditions | undefined, userId: string): boolean {
  return ['user_id', 'friend_id'].some((column) => {
    const values = valuesOf(key, column)
    return values.length === 1 && values[0] === userId
  })
}

async function isCircle({ db }: ApiContext, userId: string, owners: readonly TopicValue[]): Promise<boolean> {
  const others = owners.filter((owner) => owner !== userId)
  // What is no uuid is nobody's friend, and would be refused by the comparison itself.
  if (others.some((owner) => typeof owner !== 'string' || !uuidForm.test(owner))) return false
  if (others.length === 0) return true
  const friends = await friendsAmong(db, { userId, others: others as readonly string[] })
  return others.every((owner) => friends.has(owner as string))
}

/** Every column has a value to be compared with: a condition on null is no condition of one stream. */
function namesAll(conditions: Conditions | undefined, columns: readonly string[]): boolean {
  return columns.every((column) => {
    const values = valuesOf(conditions, column)
    return values.length > 0 && !values.includes(null)
  })
}

function valuesOf(conditions: Conditions | undefined, column: string): readonly TopicValue[] {
  const value = conditions?.[column]
  if (value === undefined) return []
  return isList(value) ? value : [value]
}

function isList(value: TopicValue | readonly TopicValue[]): value is readonly TopicValue[] {
  return Array.isArray(value)
}
