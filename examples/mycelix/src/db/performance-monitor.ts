// Where the original design has them. Both are pgstrata's: docs/monitoring.md and docs/explain.md say what they promise.

export { DatabasePerformanceMonitor, QueryPlanAnalyzer } from 'pgstrata'
