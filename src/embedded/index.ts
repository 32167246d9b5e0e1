// pgstrata/embedded: a real PostgreSQL, primary and replicas, from npm binaries. For `npm start`, tests and scratch work.

export { startCluster, type ClusterOptions, type EmbeddedCluster } from './cluster.ts'
export type { CreateDatabaseOptions } from './databases.ts'
export type { EmbeddedNode } from './node.ts'
export { installCommand, majors, packageVersions, type Major } from './packages.ts'
export type { StopMode } from './postmaster.ts'
export type { EmbeddedReplica, WaitForOptions } from './replica.ts'
export { openScratch, type Scratch, type ScratchOptions } from './scratch.ts'
