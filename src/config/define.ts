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
        [Key in keyof Given]: Key extends keyof Exclude<Shape, Plain>
          ? OnlyKnown<Given[Key], Exclude<Shape, Plain>[Key]>
          : never
      }

type ItemOf<Shape> = Extract<Shape, readonly unknown[]>[number]

export function defineConfig<const Config extends StrataConfig>(
  config: Config & OnlyKnown<Config, StrataConfig>,
): Config {
  return config
}
