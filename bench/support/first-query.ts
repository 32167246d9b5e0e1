import pg from 'pg'

/** Resolves when the server answers a query on a new connection. */
export async function firstQuery(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query('select 1')
  } finally {
    await client.end()
  }
}
