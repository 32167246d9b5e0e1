import type { EmbeddedCluster } from 'pgstrata/embedded'
import { withClient } from '../../support/with-client.ts'

let made = 0

/** Gone afterwards, with its replication slot: nothing of one round is left beside the next. */
export async function freshDatabase<T>(
  cluster: EmbeddedCluster,
  name: string,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const database = `${name}_${++made}`
  const url = await cluster.createDatabase(database)
  try {
    return await work(url)
  } finally {
    await withClient(url, async (client) => {
      await client.query(`
        select pg_drop_replication_slot(slot_name) from pg_replication_slots
        where database = current_database() and not active`)
    })
    await cluster.dropDatabase(database)
  }
}
