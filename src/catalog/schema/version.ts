// One version of schema "pgstrata". A version that was released is never edited: a change is a new one.

export interface SchemaVersion {
  readonly version: number
  readonly title: string
  /** Tables that it makes, without their schema. */
  readonly tables: readonly string[]
  /** Views that read them, without their schema. */
  readonly views?: readonly string[]
  /** Aggregates, with their arguments, without their schema. */
  readonly aggregates?: readonly string[]
  readonly statements: readonly string[]
}
