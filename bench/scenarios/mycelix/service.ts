// The app's service in a process of its own, with everything it runs in the background: the feed, merges, watching, jobs. All but the
// materialized views: nothing that is served reads them, and they are refreshed where that is measured.

import { openService } from '../../../examples/mycelix/src/service.ts'
import { resolveMycelix } from '../../../examples/mycelix/src/strata.ts'
import { serveParent } from '../../support/child.ts'
import { servedBy, type ServiceInput } from '../../support/http-service.ts'

await serveParent<ServiceInput>(async ({ url }) => {
  const resolved = resolveMycelix({ url })
  // As for a database that is not the app's own: no job plays songs.
  const config = { ...resolved, views: [], jobs: { ...resolved.jobs, own: [] } }
  return await servedBy(await openService({ config, port: 0 }))
})
