// A daemon as a process of its own, for tests that kill it. Prints a line for each run that ended; SIGTERM ends it in order.
//   node --import ./test/support/typescript.mjs test/maintain/daemon-process.ts '{"url":"postgres://…","own":[…],"leaseMs":2000}'

import { openDb } from '../../src/db/pg-db.ts'
import { assembleJobs, createJobs, type OwnJob } from '../../src/maintain/index.ts'

export interface DaemonCall {
  readonly url: string
  readonly own: readonly OwnJob[]
  readonly leaseMs: number
}

const { url, own, leaseMs } = JSON.parse(process.argv[2] ?? '{}') as DaemonCall
const settings = { zone: 'UTC', leaseMs, historyMs: 86_400_000, endIdleMs: undefined, builtIn: {}, own }
const jobs = createJobs({
  open: (applicationName, limits) => openDb({ url, applicationName, ...limits }),
  jobs: assembleJobs({ settings, cleanups: [], contributed: [], review: async () => [] }),
  leaseMs,
})
process.once('SIGTERM', () => void jobs.close())
await jobs.start({ onRun: (report) => void process.stdout.write(`${JSON.stringify(report)}\n`) })
