// GET /live: live events over Server-Sent Events, of the topics that a page names. What is played is no secret here, so whatever the
// configuration declares may be heard by everybody: songs, rollups and top lists. Listeners and single plays are not declared.

import type { TopicSpec } from 'pgstrata'
import { fastifyLive } from 'pgstrata/http'
import type { App } from 'pgstrata-example-kit'
import type { ApiContext } from './context.ts'

export async function addLive(app: App, { strata }: ApiContext): Promise<void> {
  await app.register(fastifyLive<TopicSpec>(strata.live, { path: '/live', authorize: () => true }))
}
