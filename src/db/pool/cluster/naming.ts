// Whether a pooler keeps prepared statements apart. PgBouncer does from 1.21 on (with max_prepared_statements): it gives them
// names of its own on the server, which is how one can tell. Older ones hand a statement's name through to whichever
// server connection comes next, where it is missing, or somebody else's.

import type pg from 'pg'

const probeName = 'pgstrata_naming'

interface Wire {
  readonly stream: { cork?(): void; uncork?(): void }
  parse(message: { text: string; name: string }): void
  bind(message: { statement: string; values: readonly unknown[] }): void
  execute(message: { portal: string }): void
  close(message: { type: 'S'; name: string }): void
  sync(): void
}

/** A Submittable: prepares a statement that looks at its own name, runs it and closes it, under one Sync. */
class NamingProbe {
  readonly #answer: (own: boolean) => void
  #name = ''

  constructor(answer: (own: boolean) => void) {
    this.#answer = answer
  }

  submit(connection: unknown): null {
    const wire = connection as Wire
    wire.stream.cork?.()
    wire.parse({
      name: probeName,
      text: `select name from pg_prepared_statements where statement like '%${probeName}%' order by prepare_time desc limit 1`,
    })
    wire.bind({ statement: probeName, values: [] })
    wire.execute({ portal: '' })
    wire.close({ type: 'S', name: probeName })
    wire.sync()
    wire.stream.uncork?.()
    return null
  }

  handleRowDescription(): void {}
  handleDataRow(message: { fields: readonly (string | null)[] }): void {
    this.#name = message.fields[0] ?? ''
  }
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handleError(): void {
    this.#answer(false)
  }
  handleReadyForQuery(): void {
    this.#answer(this.#name !== '' && this.#name !== probeName)
  }
}

export function keepsNamesApart(client: pg.Client): Promise<boolean> {
  return new Promise((resolve) => {
    client.query(new NamingProbe(resolve) as unknown as pg.Submittable)
  })
}
