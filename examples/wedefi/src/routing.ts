// Which server answers what: classes of queries, and the route that each takes. Reads go to replicas that are fresh enough, analytics to
// one of their own; the primary takes all writes, and stands in where no replica can answer.

export const routing = {
  portfolio_queries: 'read',
  balance_sync: 'write',
  alert_processing: 'write',
  risk_analytics: 'analytics',
  user_dashboard: 'read',
} as const

export type QueryClass = keyof typeof routing

/** A replica that is further behind is passed over. */
export const replicaMaxLag = '50ms'

/** Connections of a process: to the primary, and to each replica. */
export const connections = { primary: 20, replica: 30 } as const
