// A rule: when an alert is raised about a series, when it is over, and what is done then.

export const severities = ['info', 'warning', 'critical'] as const
export type Severity = (typeof severities)[number]

export interface Rule {
  readonly name: string
  readonly severity: Severity
  /** The metric that is looked at: its value; of a counter, what is added per second. */
  readonly metric: string
  /** Only series with these labels, each one of several where a list stands; `node` is one besides those of the metric. */
  readonly where: Readonly<Record<string, string | readonly string[]>>
  /** Raised beyond this; exactly one of the two. */
  readonly over: number | undefined
  readonly under: number | undefined
  /** Over when the value is back on the other side of this: never nearer than the threshold. */
  readonly clear: number
  /** How long it must have been so. */
  readonly forMs: number
  /** How long it must be well again. */
  readonly keepMs: number
  /** Names of actions; the log hears of every alert. */
  readonly actions: readonly string[]
  /** For people: '{value} of the connections of {node} are used'. */
  readonly summary: string
  /** Alerts of one group go out in one message. */
  readonly group: string
}
