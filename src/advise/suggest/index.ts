export { suggestIndexes } from './suggest.ts'
export type { Confidence, IndexSuggestion } from './suggestion.ts'
