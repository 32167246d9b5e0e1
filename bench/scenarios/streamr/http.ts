// The service of the app over HTTP.

import type { Samples } from '../../harness/part.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { measureService, type ServiceSizes } from '../../support/http-service.ts'
import type { KeptServer } from '../../support/kept-server.ts'
import { drawRequests } from './mix.ts'

const drawn = 20_000

export async function measureHttp(
  { cluster, url }: KeptServer,
  sizes: ServiceSizes,
  context: BenchContext,
): Promise<Samples> {
  const service = {
    module: new URL('service.ts', import.meta.url),
    input: { url },
    requests: await drawRequests(url, drawn),
    server: cluster.primary,
  }
  return await measureService(service, sizes, context)
}
