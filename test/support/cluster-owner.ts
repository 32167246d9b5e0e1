// A process that starts a cluster, tells where, and stays: for tests that kill it. With "exit", it ends without stopping it.
//   node --import ./test/support/typescript.mjs test/support/cluster-owner.ts '{"version":18,"dataDir":"…"}'

import { startCluster, type ClusterOptions } from '../../src/embedded/index.ts'

const { exit = false, ...options } = JSON.parse(process.argv[2] ?? '{}') as ClusterOptions & { readonly exit?: boolean }
const { dataDir, primary } = await startCluster(options)
process.stdout.write(`${JSON.stringify({ dataDir, pid: primary.pid, url: primary.url() })}\n`, () => {
  if (exit) process.exit(0)
})
