// What is measured, and a measurement. A metric is declared once, by whoever reads it; its name, unit and labels are what
// Prometheus, the store, rules and the documentation know it by, so none of them has a list of its own.

export interface Metric {
  /** In base units, with the unit in the name: 'pgstrata_wal_bytes_total', 'pgstrata_replica_lag_seconds'. Counters end in `_total`. */
  readonly name: string
  /** One sentence. */
  readonly help: string
  /** A counter only grows, but for resets of the server's statistics; what rules and the store see of it is what was added. */
  readonly kind: 'gauge' | 'counter'
  /** Names of its labels, in order; at most four. A metric without any has one series a node. */
  readonly labels: readonly string[]
  /** Series a node may have at most: the largest are kept and the rest left out, or added up under 'other' by the reader. */
  readonly most: number
}

/** One number, now. `labels`: values in the order of the metric's labels. */
export interface Point {
  readonly metric: string
  readonly labels: readonly string[]
  readonly value: number
}

/** What a series is called in the store and in alerts; the same for the same labels. */
export function seriesOf(labels: readonly string[]): string {
  return JSON.stringify(labels)
}

export function labelsOf(series: string): readonly string[] {
  return JSON.parse(series) as string[]
}
