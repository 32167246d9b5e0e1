// What others need of the prober.

export { reviewNode } from './review.ts'
export { openProber, type LookReport, type Prober, type ProberOptions } from './runner.ts'
export type { ProberChoice } from './settings.ts'
