// The page: its document, its modules, and those of the kit.

import { servePages, type App } from 'pgstrata-example-kit'

export async function addPages(app: App): Promise<void> {
  await servePages(app, { folder: new URL('../../web/', import.meta.url) })
}
