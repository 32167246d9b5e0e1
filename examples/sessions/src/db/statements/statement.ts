// A statement with the name that plans, tests and expectations know it by.

export interface Statement {
  readonly name: string
  /** Its parameters as $1, $2. */
  readonly text: string
}

/** Of a list in descending order: where its first page begins. */
export const firstPage = { at: 'infinity', id: '9223372036854775807', address: '0y' } as const
