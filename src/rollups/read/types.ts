// What the compiler knows of a reader, from the declaration alone: its keys, its measures and the type of its rows.
//
// Values are what node-postgres makes of them: a count is a bigint and a sum of numbers numeric, and both come as text, so
// that none is rounded; only what is declared with `floats` may come as a number. Times come as Date. Which type a key has the
// declaration does not tell: say it in `rows<{ song_id: number }>()`, which is believed. A pool with parsers of its own makes
// of all these what it is told to.

import type { Sql } from '../../sql/sql.ts'
import type { AdditiveKind, ExtremeKind, Measure, TimeUnit } from '../model/options.ts'
import type { ReadInstant } from './instant.ts'

/** Of a declaration, what a reader looks at. */
export interface DeclaredRollup {
  readonly bucket?: string | undefined
  readonly by?: readonly string[] | undefined
  readonly measures: Readonly<Record<string, DeclaredMeasure>>
  readonly totals?:
    | {
        readonly windows?: Readonly<Record<string, string>> | undefined
        readonly compute?: Readonly<Record<string, string>> | undefined
        /** Says nothing to a reader; a declaration may have nothing but this. */
        readonly index?: readonly string[] | undefined
      }
    | undefined
}

interface DeclaredMeasure {
  readonly kind: Measure['kind']
  readonly floats?: boolean | undefined
  readonly windows?: boolean | undefined
}

type KeyName<Declared> = Declared extends { readonly by: readonly (infer Name extends string)[] } ? Name : never
type MeasureName<Declared extends DeclaredRollup> = keyof Declared['measures'] & string
/** What its rows can be put together by, beside its keys; none without a bucket. */
type TimeName<Declared> = Declared extends { readonly bucket: string } ? 'bucket' | TimeUnit : never
type InstantOf<Declared> = Declared extends { readonly bucket: string } ? ReadInstant : never

type KeyValue = string | number | bigint | boolean | Date | null

/** A value, any of several, or null: the rows that have none. */
export type KeyCondition = KeyValue | readonly KeyValue[]

/** What has no keys takes none. */
type KeysOf<Declared> = [KeyName<Declared>] extends [never]
  ? never
  : { readonly [Name in KeyName<Declared>]?: KeyCondition }

/** Of an extreme, and of the most frequent value, it is what the expression is, which the declaration does not tell. */
type MeasureValue<Declared> = Declared extends { readonly kind: 'count' | 'countDistinct' }
  ? string
  : Declared extends { readonly kind: ExtremeKind | 'mode' }
    ? unknown
    : Declared extends { readonly kind: 'topK' }
      ? readonly unknown[] | null
      : Declared extends { readonly kind: 'percentile' }
        ? number | null
        : Declared extends { readonly floats?: false | undefined }
          ? string | null
          : string | number | null

interface DeclaredJoin<Key extends string = string> {
  /** Of the schema of the rollup, unless it says another. */
  readonly table: string | readonly [schema: string, table: string]
  /** The key of the rollup, which has to be among those of `by`. */
  readonly on: Key
  /** The column of the table that equals it, and that is unique. Default: 'id'. */
  readonly key?: string
  readonly columns: readonly string[]
}

type JoinedName<Joins> = {
  [Alias in keyof Joins & string]: Joins[Alias] extends { readonly columns: readonly (infer Column extends string)[] }
    ? `${Alias}_${Column}`
    : never
}[keyof Joins & string]

/** `By`: what is asked for by now; `Measures` and `Joined`: the names of measures and of joined columns. */
type ReadRow<Declared extends DeclaredRollup, By extends string, Measures extends string, Joined extends string> = {
  readonly [Name in By]: Name extends KeyName<Declared> ? unknown : Date
} & {
  readonly [Name in Measures]: Name extends MeasureName<Declared> ? MeasureValue<Declared['measures'][Name]> : never
} & { readonly [Name in Joined]: unknown }

/** One type with the same members, as an editor shows it. */
type Plain<T> = { readonly [Name in keyof T]: T[Name] }

/** Immutable: each call gives another reader. Exact to the last commit, also within buckets, in one statement. */
export interface Reader<
  Declared extends DeclaredRollup,
  By extends string,
  Measures extends string,
  Joined extends string,
> {
  /** Rows with these keys; said twice, both hold. */
  where(keys: KeysOf<Declared>): Reader<Declared, By, Measures, Joined>
  /** What happened then or later; with no end, so that what is dated ahead is in it. '30 days': that long before now(). */
  since(from: InstantOf<Declared>): Reader<Declared, By, Measures, Joined>
  /** From `from` up to, and without, `to`. */
  between(from: InstantOf<Declared>, to: InstantOf<Declared>): Reader<Declared, By, Measures, Joined>
  /** Keys, and 'bucket' or a unit of time in the zone of the rollup. Without: one row of all there is, or none. */
  by<const Names extends readonly (KeyName<Declared> | TimeName<Declared>)[]>(
    ...names: Names
  ): Reader<Declared, Names[number], Measures, Joined>
  /** These alone. */
  measures<const Names extends readonly [MeasureName<Declared>, ...MeasureName<Declared>[]]>(
    ...names: Names
  ): Reader<Declared, By, Names[number], Joined>
  /**
   * Columns of the row of another table that has a key of this rollup, as they are now; null where there is none.
   *
   *     reader.by('song_id').join({ song: { table: 'songs', on: 'song_id', columns: ['title'] } }) // song_title
   */
  join<const Joins extends Readonly<Record<string, DeclaredJoin<KeyName<Declared>>>>>(
    joins: Joins,
  ): Reader<Declared, By, Measures, Joined | JoinedName<Joins>>
  /** Said again: then by this. What has no value comes last; at the end the order is that of `by`. */
  orderBy(name: By | Measures | Joined, direction?: 'asc' | 'desc'): Reader<Declared, By, Measures, Joined>
  limit(rows: number): Reader<Declared, By, Measures, Joined>
  offset(rows: number): Reader<Declared, By, Measures, Joined>
  /** The statement. How the rollup is kept has to be known for it, hence the promise. */
  compile(): Promise<Sql>
  /** `Said`: the types of keys and joined columns, as in rows<{ song_id: number }>(); nothing is checked. */
  rows<Said extends Partial<Record<By | Joined, unknown>> = object>(): Promise<
    readonly Plain<Omit<ReadRow<Declared, By, Measures, Joined>, keyof Said> & Said>[]
  >
}

type WindowName<Declared> = Declared extends { readonly totals: { readonly windows: infer Windows } }
  ? keyof Windows & string
  : never
type ComputedName<Declared> = Declared extends { readonly totals: { readonly compute: infer Computed } }
  ? keyof Computed & string
  : never

/** Only where it says so: what the key of a declaration that has none would be is unknown. */
type AsksForWindows<Declared> = Declared extends { readonly kind: 'countDistinct'; readonly windows?: infer Windows }
  ? [Windows] extends [true | undefined]
    ? true
    : false
  : false

/** Distinct values are in totals on request; without a bucket, always. */
type IsCounted<Declared extends DeclaredRollup, Measured> = Declared extends { readonly bucket: string }
  ? AsksForWindows<Measured>
  : Measured extends { readonly kind: 'countDistinct' }
    ? true
    : false

/** What cannot be added up is in no totals, but for distinct values. */
type InTotalsName<Declared extends DeclaredRollup> = {
  [Name in MeasureName<Declared>]: Declared['measures'][Name] extends { readonly kind: AdditiveKind }
    ? Name
    : IsCounted<Declared, Declared['measures'][Name]> extends true
      ? Name
      : never
}[MeasureName<Declared>]

/** What a row of totals has beside its keys, by name; what it computes, in a type that the expression says. */
type TotalsValues<Declared extends DeclaredRollup> = {
  readonly [Name in InTotalsName<Declared>]: MeasureValue<Declared['measures'][Name]>
} & {
  readonly [Name in InTotalsName<Declared> as `${Name}_${WindowName<Declared>}`]: MeasureValue<
    Declared['measures'][Name]
  >
} & { readonly [Name in ComputedName<Declared>]: string | number | null }

type TotalsName<Declared extends DeclaredRollup> = keyof TotalsValues<Declared> & string

/** One row for each key: as far as it is merged, windows of whole buckets. Immutable, as every reader. */
export interface TotalsReader<Declared extends DeclaredRollup, Columns extends string, Joined extends string> {
  where(keys: KeysOf<Declared>): TotalsReader<Declared, Columns, Joined>
  /** These alone: 'plays', 'plays_7d', or what is computed. */
  measures<const Names extends readonly [TotalsName<Declared>, ...TotalsName<Declared>[]]>(
    ...names: Names
  ): TotalsReader<Declared, Names[number], Joined>
  join<const Joins extends Readonly<Record<string, DeclaredJoin<KeyName<Declared>>>>>(
    joins: Joins,
  ): TotalsReader<Declared, Columns, Joined | JoinedName<Joins>>
  /** Said again: then by this. What has no value comes last; at the end the order is that of the keys. */
  orderBy(
    name: KeyName<Declared> | Columns | Joined,
    direction?: 'asc' | 'desc',
  ): TotalsReader<Declared, Columns, Joined>
  limit(rows: number): TotalsReader<Declared, Columns, Joined>
  offset(rows: number): TotalsReader<Declared, Columns, Joined>
  compile(): Promise<Sql>
  rows<Said extends Partial<Record<KeyName<Declared> | Joined, unknown>> = object>(): Promise<
    readonly Plain<
      Omit<
        { readonly [Name in KeyName<Declared> | Joined]: unknown } & {
          readonly [Name in Columns & keyof TotalsValues<Declared>]: TotalsValues<Declared>[Name]
        },
        keyof Said
      > &
        Said
    >[]
  >
}

/** What a rollup has beside: nothing, where it declares no totals. */
type TotalsOf<Declared extends DeclaredRollup> = Declared extends { readonly totals: object }
  ? { totals(): TotalsReader<Declared, TotalsName<Declared>, never> }
  : unknown

export type ReaderOf<Declared extends DeclaredRollup> = Reader<Declared, never, MeasureName<Declared>, never> &
  TotalsOf<Declared>

export type ReadersOf<Declared extends Readonly<Record<string, DeclaredRollup>>> = {
  readonly [Name in keyof Declared]: ReaderOf<Declared[Name]>
}
