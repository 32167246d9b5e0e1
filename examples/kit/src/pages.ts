// The files of a page, read once at the start and served from memory.
//
// Promises: what is served is a fixed list of paths, so no path leads anywhere else. Each file has its type, an ETag and, where
// it helps, a compressed form; browsers ask whether theirs is still the newest, and get 304.
// A file that is not there is an error at the start, not later.

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from './app.ts'
import { matchesEtag } from './etag.ts'
import { drawWorld } from './world.ts'

export interface PagesOptions {
  /** The folder with the app's files: new URL('../web/', import.meta.url). */
  readonly folder: URL | string
  /** By path: { '/': 'index.html', '/page.js': 'page.js' }. Default: index.html at /, scripts and styles of the folder under /page/. */
  readonly files?: Readonly<Record<string, string>>
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The app's own files, and those of the kit under /kit/: its web modules, uPlot, the live client and the world. */
export async function servePages(app: App, { folder, files }: PagesOptions): Promise<void> {
  const root = typeof folder === 'string' ? folder : fileURLToPath(folder)
  const named = Object.entries(files ?? (await listFiles(root)))
  const own = await Promise.all(named.map(([path, name]) => readPage(path, join(root, name))))
  for (const page of [...own, ...(await readKit())]) {
    const answer = answerPage(page)
    app.get(page.path, (request, reply) => answer(request, reply))
  }
}

async function listFiles(root: string): Promise<Readonly<Record<string, string>>> {
  const names = await listModules(root)
  return { '/': 'index.html', ...Object.fromEntries(names.map((name) => [`/page/${name}`, name])) }
}

async function listModules(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => ['.js', '.css'].includes(extname(name)))
}

interface Page {
  readonly path: string
  readonly type: string
  readonly body: Buffer
}

async function readPage(path: string, file: string): Promise<Page> {
  return { path, type: typeOf(file), body: await readFile(file) }
}

function typeOf(file: string): string {
  const type = types[extname(file)]
  if (type !== undefined) return type
  throw new Error(`A file to serve: expected ${Object.keys(types).join(', ')}, got ${basename(file)}`)
}

/** The gallery, which shows the pieces, is for tests. */
async function readKit(): Promise<readonly Page[]> {
  const web = fileURLToPath(new URL('../web/', import.meta.url))
  const names = await listModules(web)
  const { resolve } = createRequire(import.meta.url)
  const uplot = dirname(resolve('uplot/package.json'))
  const live = dirname(resolve('pgstrata/live-client'))
  const world = await drawWorld()
  return [
    ...(await Promise.all(
      [
        ...names.filter((name) => !name.startsWith('gallery')).map((name) => [`/kit/${name}`, join(web, name)]),
        ['/kit/uplot.js', join(uplot, 'dist', 'uPlot.esm.js')],
        ['/kit/uplot.css', join(uplot, 'dist', 'uPlot.min.css')],
        ['/kit/live/index.js', join(live, 'index.js')],
        ['/kit/live/protocol.js', join(live, 'protocol.js')],
      ].map(([path = '', file = '']) => readPage(path, file)),
    )),
    { path: '/kit/world.svg', type: types['.svg'] ?? '', body: Buffer.from(world) },
  ]
}

const leastCompressed = 1_024

function answerPage({ type, body }: Page): (request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  const zipped = body.length < leastCompressed ? undefined : gzipSync(body, { level: 9 })
  const digest = createHash('sha1').update(body).digest('base64url').slice(0, 16)
  return (request, reply) => {
    const isZipped = zipped !== undefined && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
    // Different bytes need a different tag.
    const etag = isZipped ? `"${digest}-z"` : `"${digest}"`
    reply.headers({ etag, 'cache-control': 'no-cache', vary: 'accept-encoding' })
    if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send()
    if (isZipped) reply.header('content-encoding', 'gzip')
    return reply.type(type).send(isZipped ? zipped : body)
  }
}
