// Files of a page over real HTTP: a fixed list, typed, tagged, compressed; and the kit's own beside them.

import { request } from 'node:http'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createApp, servePages } from 'pgstrata-example-kit'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../support/temporary-folder.ts'

async function openPages(files?: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'web'))
  await writeFile(join(folder, 'secret.js'), 'secret')
  await writeFile(join(folder, 'web', 'index.html'), '<!doctype html><title>Page</title>')
  await writeFile(join(folder, 'web', 'page.js'), `// ${'long '.repeat(1_000)}\n`)
  const app = createApp({ graceMs: 50 })
  onTestFinished(() => app.close())
  await writeFile(join(folder, 'web', 'tsconfig.json'), '{}')
  await servePages(app, { folder: join(folder, 'web'), ...(files === undefined ? {} : { files }) })
  return await app.listen({ host: '127.0.0.1', port: 0 })
}

test('files have their type and a tag, and are sent once', async () => {
  const url = await openPages({ '/': 'index.html', '/page.js': 'page.js' })
  const page = await fetch(url)
  expect(await page.text()).toBe('<!doctype html><title>Page</title>')
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(page.headers.get('cache-control')).toBe('no-cache')
  const again = await fetch(url, { headers: { 'if-none-match': page.headers.get('etag') ?? '' } })
  expect([again.status, await again.text()]).toEqual([304, ''])
})

test('what is long goes out compressed to who takes that, under a tag of its own', async () => {
  const url = await openPages({ '/page.js': 'page.js' })
  const [zipped, plain] = await Promise.all([
    fetch(`${url}/page.js`, { headers: { 'accept-encoding': 'gzip' } }),
    fetch(`${url}/page.js`, { headers: { 'accept-encoding': 'identity' } }),
  ])
  expect(zipped.headers.get('content-encoding')).toBe('gzip')
  expect(plain.headers.get('content-encoding')).toBeNull()
  expect(Number(zipped.headers.get('content-length'))).toBeLessThan(Number(plain.headers.get('content-length')) / 10)
  expect(await zipped.text()).toBe(await plain.text())
  expect(zipped.headers.get('etag')).not.toBe(plain.headers.get('etag'))
  expect(plain.headers.get('vary')).toBe('accept-encoding')
})

test('without a list it is the document, and what it is made of', async () => {
  const url = await openPages()
  const statuses = ['/', '/page/page.js', '/page/index.html', '/page/tsconfig.json'].map(
    async (path) => (await fetch(`${url}${path}`)).status,
  )
  expect(await Promise.all(statuses)).toEqual([200, 200, 404, 404])
})

/** As it is written: fetch would resolve the dots by itself. */
function statusOf(url: string, path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test.each([
  '/../secret.js',
  '/kit/../secret.js',
  '/%2e%2e/secret.js',
  '/..%2fsecret.js',
  '/kit/..%5csecret.js',
  '/secret.js',
  '/kit/',
  '/kit/gallery.html',
  '/kit/gallery.js',
])('%s leads nowhere', async (path) => {
  expect(await statusOf(await openPages({ '/': 'index.html' }), path)).toBe(404)
})

test('the kit is there: modules, styles, uPlot, the live client, the world', async () => {
  const url = await openPages({ '/': 'index.html' })
  const read = async (path: string): Promise<string> => {
    const response = await fetch(`${url}${path}`)
    expect(response.status, path).toBe(200)
    return await response.text()
  }
  expect(await read('/kit/uplot.js')).toContain('export { uPlot as default }')
  expect(await read('/kit/uplot.css')).toContain('.uplot')
  expect(await read('/kit/base.css')).toContain('--accent')
  const texts = new Map<string, string>()
  const names = [
    'dom',
    'format',
    'state',
    'live',
    'live/index',
    'live/protocol',
    'chart-bars',
    'chart-lines',
    'chart-shares',
    'sparkline',
    'fetch-json',
    'motion',
    'reading',
    'card',
    'shell',
  ]
  for (const name of names) texts.set(`/kit/${name}.js`, await read(`/kit/${name}.js`))
  // Whatever they import is served, too.
  for (const [path, text] of texts) {
    for (const [, imported = ''] of text.matchAll(/^import .*? from '([^']+)'/gm)) {
      const target = new URL(imported, `http://page${path}`).pathname
      expect(texts.has(target) || target === '/kit/uplot.js', `${path} imports ${target}`).toBe(true)
    }
  }
  const world = await read('/kit/world.svg')
  expect(world.length).toBeLessThan(60_000)
})

test('a file that is not there, or of no known type, is an error at the start', async () => {
  await expect(openPages({ '/': 'missing.html' })).rejects.toThrow('ENOENT')
  await expect(openPages({ '/x': '../secret.exe' })).rejects.toThrow('expected .html, .css, .js, .svg, got secret.exe')
})
