// A daemon of its own, for tests that kill it: watches and raises alerts as a configuration says, and writes each message as a line. It
// begins when it is told to: to load everything takes longer than all else.

import { open } from './support.ts'

export interface DaemonCall {
  readonly url: string
  readonly config: Readonly<Record<string, unknown>>
}

process.stdout.write('loaded\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.destroy()

const { url, config } = JSON.parse(process.argv[2] ?? '') as DaemonCall
const strata = open(url, config)
process.once('SIGTERM', () => void strata.close().then(() => process.exit(0)))
await strata.start({ jobs: true, onAlert: (message) => void process.stdout.write(`${JSON.stringify(message)}\n`) })
