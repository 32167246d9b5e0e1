// For the editor: the types of a configuration, with nothing done to it. Checks happen when it is loaded.

import type { StrataConfig } from './shape.ts'

type Plain = readonly unknown[] | string | number | boolean | null | undefined

/** `Given`, with `never` for each key that `Shape` does not have: a typo is an error where it stands. */
export type OnlyKnown<Given, Shape> = Given extends Plain
  ? Given
  : {
      [Key in keyof Given]: Key extends keyof NonNullable<Shape>
        ? OnlyKnown<Given[Key], NonNullable<Shape>[Key]>
        : never
    }

export function defineConfig<const Config extends StrataConfig>(
  config: Config & OnlyKnown<Config, StrataConfig>,
): Config {
  return config
}
