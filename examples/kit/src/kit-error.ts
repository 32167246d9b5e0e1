// Errors of the kit's own.

/** Something a person can mend: the message says what was expected and what to do. */
export class KitError extends Error {
  override readonly name = 'KitError'
}
