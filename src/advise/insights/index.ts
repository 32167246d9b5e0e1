export { findInsights } from './find.ts'
export { gather, toGiven } from './given.ts'
export type { Insight } from './insight.ts'
export { insightRules } from './rules/index.ts'
