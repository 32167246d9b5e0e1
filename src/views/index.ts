// pgstrata/views: materialized views, refreshed when they should be, and as fresh as they say; and plain ones.

export { createViews, type RefreshViewsOptions, type Views } from './facade.ts'
export type { MaterializedView, PlainView } from './options.ts'
export type { ViewProgress, ViewRefresh } from './refresh.ts'
export type { ViewStatus } from './status.ts'
export type { RollupSuggestion } from './suggest.ts'
