// For the editor: the types of a configuration, with nothing done to it. Checks happen when it is loaded.

import type { StrataConfig } from './shape.ts'

type Plain = string | number | boolean | null | undefined

/**
 * `Given`, with `never` for each key that `Shape` does not have: a typo is an error where it stands. Where `Shape` leaves a
 * choice, that of its objects counts.
 */
export type OnlyKnown<Given, Shape> = Given extends Plain
  ? Given
  : Given extends readonly unknown[]
    ? { [Index in keyof Given]: OnlyKnown<Given[Index], ItemOf<Shape>> }
    : {
        [Key in keyof Given]: Key extends KeyOf<ObjectOf<Shape>>
          ? OnlyKnown<Given[Key], At<ObjectOf<Shape>, Key>>
          : never
      }

type ObjectOf<Shape> = Exclude<Shape, Plain | readonly unknown[]>
/** Of any of several shapes. */
type KeyOf<Shape> = Shape extends unknown ? keyof Shape : never
type At<Shape, Key> = Shape extends unknown ? (Key extends keyof Shape ? Shape[Key] : never) : never
type ItemOf<Shape> = Extract<Shape, readonly unknown[]>[number]

export function defineConfig<const Config extends StrataConfig>(
  config: Config & OnlyKnown<Config, StrataConfig>,
): Config {
  return config
}
