// pgstrata/server: health, metrics and management over HTTP, as a plugin for Fastify 5 or as a server of its own.

export { createServer, fastifyStrata, type CreateServerOptions, type FastifyStrataOptions } from './create.ts'
export type { FastifyStrataPlugin, InstanceShape } from './fastify-shape.ts'
export type { StrataServer } from './server.ts'
export type * from './contract/alerts.ts'
export type * from './contract/database.ts'
export type * from './contract/health.ts'
export type * from './contract/manage.ts'
export type * from './contract/upkeep.ts'
export type * from './contract/watch.ts'
export type { ErrorAnswer } from './errors.ts'
export type { ServedStrata } from './wiring.ts'
