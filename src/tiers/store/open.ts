// A store by what is declared: 's3://bucket/prefix', or a folder.

import { fileURLToPath } from 'node:url'
import { StrataError } from '../../base/errors.ts'
import { openFolder } from './folder.ts'
import { openS3, type Bucket, type S3Options } from './s3.ts'
import type { Store } from './store.ts'

export interface StoreOptions {
  /** 's3://bucket/prefix', 'file:///var/archive', or the path of a folder. */
  readonly to: string
  readonly s3: S3Options
}

/** Nothing is asked of it yet. */
export function openStore({ to, s3 }: StoreOptions): Store {
  if (to.startsWith('s3://')) return openS3(bucketOf(to), s3)
  return openFolder(to.startsWith('file://') ? fileURLToPath(to) : to)
}

function bucketOf(url: string): Bucket {
  const [bucket = '', ...rest] = url.slice('s3://'.length).split('/')
  if (bucket !== '') return { bucket, prefix: rest.filter((part) => part !== '').join('/') }
  throw new StrataError('CONFIG_INVALID', {
    message: 'Not a bucket',
    expected: "'s3://bucket/prefix'",
    got: `'${url}'`,
  })
}
