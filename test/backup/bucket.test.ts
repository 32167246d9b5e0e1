// A repository in a bucket: by HTTPS, with an authority of one's own, encrypted on the way there.

import { execFile } from 'node:child_process'
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { onlyRow } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { startBackedUp, startRestored } from '../support/pgbackrest.ts'
import { startS3Server } from '../support/s3-server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('backups are kept in it, restored from it, and nothing in it can be read without the pass', async () => {
  const { key, cert, caFile } = await makeCertificate()
  const s3 = await startS3Server({ tls: { key, cert } })
  onTestFinished(() => s3.close())
  const backedUp = await startBackedUp({
    pass: 'a pass of the bucket',
    repository: {
      kind: 's3',
      bucket: 'backups',
      region: 'eu-central-1',
      endpoint: new URL(s3.url).host,
      prefix: '/shop',
      pathStyle: true,
      caFile,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret of the key' },
    },
  })
  onTestFinished(() => backedUp.close())
  const { db, backup } = backedUp
  await db.withSession((session) => ensureInstalled(session))
  await db.query(sql`create table orders as select 'a marked word ' || n as note from generate_series(1, 1000) n`)
  expect(await backup.init()).toMatchObject({ requirements: [] })
  const { made } = await backup.run({ kind: 'full' })
  expect((await backup.list()).map(({ label }) => label)).toEqual([made.label])
  const kept = [...s3.objects]
  expect(kept.length).toBeGreaterThan(5)
  expect(kept.every(([place]) => place.startsWith('backups/shop/'))).toBe(true)
  expect(kept.filter(([, bytes]) => bytes.includes('[backup') || bytes.includes('marked'))).toEqual([])
  const dir = join(backedUp.folder, 'restored')
  expect(await backup.restore({ dir, at: 'latest' })).toMatchObject({ backup: { label: made.label } })
  const restored = await startRestored(dir)
  onTestFinished(() => restored.stop())
  expect(onlyRow(await restored.db.query(sql`select count(*)::int4 as orders from orders`))).toEqual({ orders: 1000 })
}, 240_000)

/** Of an authority that nobody else knows, for this machine. */
async function makeCertificate(): Promise<{ key: string; cert: string; caFile: string }> {
  const folder = await temporaryFolder()
  const [keyFile, caFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:127.0.0.1', '-days', '2']
  const kind = ['-newkey', 'rsa:2048', '-nodes', '-x509', '-keyout', keyFile, '-out', caFile]
  await promisify(execFile)('openssl', ['req', ...kind, ...subject])
  await chmod(caFile, 0o644)
  return { key: await readFile(keyFile, 'utf8'), cert: await readFile(caFile, 'utf8'), caFile }
}
