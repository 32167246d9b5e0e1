// What live events give to the root, and to whoever serves them.

export { createDeclaredLive, type LiveSettings } from './declared.ts'
export type { HubStatus as LiveStatus, LiveConnection } from './hub.ts'
export { createLive, type Live, type LiveOpenOptions, type LiveOptions } from './live.ts'
export type { LiveSink } from './subscriber.ts'
export { throughDatabase } from './through/database.ts'
export { throughRedis } from './through/redis.ts'
export type { Conditions, TopicSpec, TopicValue } from './topic.ts'
export type { Transport as LiveTransport } from './wire.ts'
