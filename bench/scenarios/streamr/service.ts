// The app's service in a process of its own, with everything it runs in the background: the feed, merges, watching, jobs.

import { openService } from '../../../examples/streamr/src/service.ts'
import { resolveStreamr } from '../../../examples/streamr/src/strata.ts'
import { serveParent } from '../../support/child.ts'
import { servedBy, type ServiceInput } from '../../support/http-service.ts'

await serveParent<ServiceInput>(async ({ url }) => {
  return await servedBy(await openService({ config: resolveStreamr({ url }), port: 0 }))
})
