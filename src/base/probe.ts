// A question `doctor` asks, and its answer: ok, warn or fail, each with what to do. Features contribute probes as data.

export type Verdict = 'ok' | 'warn' | 'fail'

export interface ProbeResult {
  readonly verdict: Verdict
  /** What was found. */
  readonly found: string
  /** What to do; nothing where all is well. */
  readonly fix?: string
}

export interface Probe {
  readonly name: string
  run(): Promise<ProbeResult>
}
