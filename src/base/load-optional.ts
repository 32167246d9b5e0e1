// An optional package, when it is first needed.
// On failure: DEPENDENCY_MISSING with the command that installs it.

import { StrataError } from './errors.ts'

/** `load` imports it by its name, so that bundlers and types see which one it is. */
export async function loadOptional<Module>(
  { name, command }: { readonly name: string; readonly command: string },
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load()
  } catch (cause) {
    throw new StrataError('DEPENDENCY_MISSING', {
      message: `${name} is not installed here`,
      advice: `Run: ${command}`,
      details: { package: name, command },
      cause,
    })
  }
}
