// The page: its own files, and those of the kit.

import { servePages, type App } from 'pgstrata-example-kit'

export async function addPages(app: App): Promise<void> {
  const names = ['page', 'overview', 'artist', 'listener', 'search', 'playing', 'parts']
  await servePages(app, {
    folder: new URL('../../web/', import.meta.url),
    files: {
      '/': 'index.html',
      '/page.css': 'page.css',
      ...Object.fromEntries(names.map((name) => [`/web/${name}.js`, `${name}.js`])),
    },
  })
}
