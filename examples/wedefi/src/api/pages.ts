// The page, as one document and the modules it is made of: a fixed list, read at the start.

import { readdir } from 'node:fs/promises'
import { servePages, type App } from 'pgstrata-example-kit'

const folder = new URL('../../web/', import.meta.url)

export async function addPages(app: App): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /\.(?:js|css)$/.test(name))
  await servePages(app, {
    folder,
    files: { '/': 'index.html', ...Object.fromEntries(names.map((name) => [`/page/${name}`, name])) },
  })
}
